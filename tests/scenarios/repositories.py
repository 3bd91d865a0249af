"""A world with repositories: a mirror of the old Kubernetes layout and one of Docker's."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from provisioner.inventory.model import Host
from provisioner.sources import openpgp
from tests.builders import cluster
from tests.conftest import TESTS
from tests.fake.repositories import FakeRepository
from tests.fake.state import FakePackage
from tests.fake.world import World

KEY = (TESTS / "cases" / "sources" / "key.asc").read_text()
FINGERPRINT = openpgp.read(KEY)[0].fingerprint
LEGACY = "http://mirror.example/kubernetes/apt"
DOCKER = "http://mirror.example/docker/linux"
BINARIES = "http://mirror.example/binaries"
SOURCES: dict[str, Any] = {
    "package_source": {"type": "legacy", "url": LEGACY, "key": f"{LEGACY}/key.gpg", "fingerprint": FINGERPRINT},
    "runtime": {"source": {"type": "mirror", "url": f"{DOCKER}/", "fingerprint": FINGERPRINT}},
}
KUBERNETES = FakeRepository(
    KEY,
    f"{LEGACY}/key.gpg",
    {
        **dict.fromkeys(("kubeadm", "kubectl", "kubelet"), ("1.19.16-00", "1.20.2-00", "1.20.15-00", "1.21.0-00")),
        "kubernetes-cni": ("0.8.7-00", "1.2.0-00"),
        "cri-tools": ("1.19.0-00", "1.26.0-00"),
    },
)
DOCKER_CE = FakeRepository(
    KEY,
    f"{DOCKER}/debian/gpg",
    {
        **dict.fromkeys(
            ("docker-ce", "docker-ce-cli"),
            ("5:20.10.23~3-0~debian-bookworm", "5:20.10.24~3-0~debian-bookworm", "5:28.3.3-1~debian.12~bookworm"),
        ),
        "containerd.io": ("1.6.33-1", "1.7.27-1", "2.2.0-2~debian.12~bookworm"),
    },
)
INSTALLED = {
    "kubelet": "1.20.2-00",
    "kubernetes-cni": "1.2.0-00",
    "cri-tools": "1.19.0-00",
    "docker-ce": "5:20.10.24~3-0~debian-bookworm",
    "containerd.io": "1.7.27-1",
}


PROGRAMS: dict[str, Any] = {
    "package_source": {
        "type": "binaries",
        "url": f"{BINARIES}/",
        "cni_url": f"{BINARIES}-plug-ins",
        "cni_version": "1.1.1",
        "crictl_url": f"{BINARIES}-crictl",
    },
    "runtime": SOURCES["runtime"],
}


def world_of_binaries(*hosts: Host, **settings: Any) -> World:
    """Fresh machines that reach Docker's repository, and Kubernetes' binaries without packages."""
    world = world_of(*hosts, **{**PROGRAMS, **settings})
    versions = ("1.19.11", "1.20.2", "1.20.15")
    kubernetes: dict[str, tuple[str, ...]] = dict.fromkeys(("kubeadm", "kubectl", "kubelet"), versions)
    world.scene.repositories |= {
        BINARIES: FakeRepository("", "", kubernetes),
        f"{BINARIES}-plug-ins": FakeRepository("", "", {"kubernetes-cni": ("1.1.1", "1.9.1")}),
        f"{BINARIES}-crictl": FakeRepository("", "", {"cri-tools": ("1.19.0", "1.20.0")}),
    }
    return world


def world_of(*hosts: Host, **settings: Any) -> World:
    """Fresh machines that reach both, whose inventory wants packages from there."""
    world = World(cluster(*hosts, **{**SOURCES, **settings}))
    world.scene.repositories.update(
        {
            f"{LEGACY}/ kubernetes-xenial": deepcopy(KUBERNETES),
            f"{DOCKER}/debian bookworm": deepcopy(DOCKER_CE),
        }
    )
    return world


def with_leftovers() -> World:
    """Machines that had another Docker before, configured by other software, and a dead source."""
    world = world_of()
    machine = world.machines["w1"]
    machine.put("/etc/docker/daemon.json", '{"dns": ["10.0.0.1"]}\n', "640")
    machine.put("/etc/apt/sources.list.d/kubernetes.list", "deb https://apt.kubernetes.io/ kubernetes-xenial main")
    for name in ("containerd", "runc"):
        machine.packages[name] = FakePackage("1", held=True)
    return world
