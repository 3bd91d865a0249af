"""The container runtime: Docker from the bundle, with the systemd cgroup driver, and the images a node needs."""

from __future__ import annotations

import json

from provisioner.core.play import View
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.plays.bundle_access import PLACE, repository
from provisioner.resources.docker import DockerDrivers
from provisioner.resources.files import File
from provisioner.resources.images import Image
from provisioner.resources.packages import Packages
from provisioner.resources.services import Service

DAEMON_JSON = "/etc/docker/daemon.json"
# The kubelet's as well: with two, its pods would be in two trees of control groups (templates/kubeadm).
CGROUP_DRIVER = "systemd"
STORAGE_DRIVER = "overlay2"
_UNIT = "docker.service"
_PACKAGES = ("containerd", "docker.io", "runc")


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """The configuration comes before the package, whose installation starts the daemon."""
    source = repository(view)
    wished = tuple((name, view.bundle.package_version(name)) for name in _PACKAGES)
    return (
        *source.files,
        File(DAEMON_JSON, daemon_json(view)),
        Packages("container runtime", wished, source.options),
        Service(_UNIT, configuration=(DAEMON_JSON,)),
        DockerDrivers(_UNIT, CGROUP_DRIVER, STORAGE_DRIVER),
        *(Image(image.name, image.path, image.sha256, PLACE) for image in view.bundle.images_for(host.role.value)),
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
