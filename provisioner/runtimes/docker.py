"""Docker, used by the kubelet through its own dockershim up to Kubernetes 1.23, through cri-dockerd from 1.24 on."""

from __future__ import annotations

import json

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.inventory.runtimes import DockerRuntime
from provisioner.resources.docker import DOCKER_IMAGES, DockerDrivers
from provisioner.resources.files import File
from provisioner.resources.services import Service
from provisioner.runtimes.others import keeps
from provisioner.runtimes.runtime import CGROUP_DRIVER, NETWORKS, PLUG_INS, STORAGE_DRIVER, Runtime, pulling
from provisioner.sources.choice import runtime_source
from provisioner.sources.proxies import service_file
from provisioner.templating import render
from provisioner.world.derived import pause_image
from provisioner.world.view import View

DAEMON_JSON = "/etc/docker/daemon.json"
UNIT = "docker.service"
BRIDGE, BRIDGE_SOCKET = "cri-docker.service", "cri-docker.socket"
# Overrides the unit of cri-dockerd's package (packaging/systemd in its repository), which sets no network plug-ins.
BRIDGE_ARGUMENTS = f"/etc/systemd/system/{BRIDGE}.d/10-provisioner.conf"


def by_shim(view: View, host: Host) -> tuple[Resource, ...]:
    """The configuration comes before the package, whose installation starts the daemon."""
    source = runtime_source(view, host)
    return (
        *source.resources,
        File(DAEMON_JSON, daemon_json(view), keeps=keeps(view, host, DAEMON_JSON)),
        service_file(view, UNIT),
        source.packages("container runtime"),
        pulling(UNIT, DAEMON_JSON),
        DockerDrivers(UNIT, CGROUP_DRIVER, STORAGE_DRIVER),
    )


def by_cri_dockerd(view: View, host: Host) -> tuple[Resource, ...]:
    """Docker as with the shim, and cri-dockerd between it and the kubelet, started by systemd's socket activation."""
    arguments = render(
        "runtime/cri-dockerd.conf.j2", plug_ins=PLUG_INS, networks=NETWORKS, pause_image=pause_image(view)
    )
    return (
        File(BRIDGE_ARGUMENTS, arguments),
        *by_shim(view, host),
        Service(BRIDGE_SOCKET),
        Service(BRIDGE, configuration=(BRIDGE_ARGUMENTS,)),
    )


def daemon_json(view: View) -> str:
    """Docker's configuration; the kubelet and Docker must use the same cgroup driver."""
    runtime = view.cluster.settings.runtime
    limit = runtime.log_max_size if isinstance(runtime, DockerRuntime) else ""
    settings = {
        "exec-opts": [f"native.cgroupdriver={CGROUP_DRIVER}"],
        "log-driver": "json-file",
        "log-opts": {"max-size": limit},
        "storage-driver": STORAGE_DRIVER,
        # A restart of Docker leaves the containers running: the control plane's are among them.
        "live-restore": True,
        **({"registry-mirrors": list(runtime.registry_mirrors)} if runtime.registry_mirrors else {}),
    }
    return json.dumps(settings, indent=2) + "\n"


DOCKERSHIM = Runtime(by_shim, (UNIT,), DOCKER_IMAGES)
CRI_DOCKERD = Runtime(by_cri_dockerd, (BRIDGE, BRIDGE_SOCKET, UNIT), DOCKER_IMAGES)
