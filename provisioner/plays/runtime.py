"""The container runtime: Docker with the systemd cgroup driver, and the images a node needs from the bundle."""

from __future__ import annotations

import json

from provisioner.core.play import View
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.docker import DockerDrivers
from provisioner.resources.files import File
from provisioner.resources.images import Image
from provisioner.resources.kubeadm import PROXY_ENVIRONMENT
from provisioner.resources.services import Service
from provisioner.sources.bundle_access import PLACE
from provisioner.sources.choice import runtime_source
from provisioner.sources.proxies import drop_in, service_file

DAEMON_JSON = "/etc/docker/daemon.json"
# The kubelet's as well: with two, its pods would be in two trees of control groups (templates/kubeadm).
CGROUP_DRIVER = "systemd"
STORAGE_DRIVER = "overlay2"
_UNIT = "docker.service"


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """The configuration comes before the package, whose installation starts the daemon."""
    source = runtime_source(view, host)
    images = view.bundle.images_for(host.role.value) if view.bundle and view.cluster.settings.images_in_bundle else ()
    return (
        *source.resources,
        File(DAEMON_JSON, daemon_json(view)),
        service_file(view, _UNIT),
        source.packages("container runtime"),
        Service(_UNIT, configuration=(DAEMON_JSON, drop_in(_UNIT), PROXY_ENVIRONMENT)),
        DockerDrivers(_UNIT, CGROUP_DRIVER, STORAGE_DRIVER),
        *(Image(image.name, image.path, image.sha256, PLACE) for image in images),
    )


def daemon_json(view: View) -> str:
    """Docker's configuration; the kubelet and Docker must use the same cgroup driver."""
    runtime = view.cluster.settings.runtime
    settings = {
        "exec-opts": [f"native.cgroupdriver={CGROUP_DRIVER}"],
        "log-driver": "json-file",
        "log-opts": {"max-size": runtime.log_max_size},
        "storage-driver": STORAGE_DRIVER,
        # A restart of Docker leaves the containers running: the control plane's are among them.
        "live-restore": True,
        **({"registry-mirrors": list(runtime.registry_mirrors)} if runtime.registry_mirrors else {}),
    }
    return json.dumps(settings, indent=2) + "\n"
