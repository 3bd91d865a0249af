"""Container runtimes: how the kubelet reaches them, and which versions of them a Kubernetes release can use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_CONTAINERD = "https://github.com/containerd/containerd/blob/main/RELEASES.md"
_SOCKETS = "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/"


class Name(StrEnum):
    """The runtimes as the kubelet sees them: `dockershim` and `cri-dockerd` are both Docker."""

    DOCKERSHIM = "dockershim"
    CRI_DOCKERD = "cri-dockerd"
    CONTAINERD = "containerd"
    CRI_O = "cri-o"


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime. `since` and `until` are the first and last minor release that can use it (None: no end).

    `cri_socket` is written in the form that kubeadm expects: dockershim's has no scheme. `versioned` is the
    program whose version the rules are about.
    """

    name: Name
    since: int
    until: int | None
    cri_socket: str
    versioned: str
    source: str

    @property
    def kind(self) -> str:
        """Its name in an inventory and on a node: Docker is one kind, however the kubelet reaches it."""
        return "docker" if self.versioned == "docker" else self.name.value

    def serves(self, minor: int) -> bool:
        """Whether that minor release of Kubernetes can use it."""
        return self.since <= minor and (self.until is None or minor <= self.until)


@dataclass(frozen=True, slots=True)
class Range:
    """Versions of a program that minor releases from `since` to `until` work with: `at_least` <= version < `below`.

    Empty means no bound. `refused`: outside of it nothing works; otherwise it is only not supported.
    """

    program: str
    since: int
    until: int | None
    at_least: str
    below: str
    refused: bool
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class Tested:
    """The first versions of containerd, one of each line, that its project tests with a Kubernetes minor release."""

    series: str
    containerd: tuple[str, ...]
    source: str


RUNTIMES = (
    Runtime(
        Name.DOCKERSHIM, 19, 23, "/var/run/dockershim.sock", "docker",
        "https://kubernetes.io/blog/2022/02/17/dockershim-faq/",
    ),
    # Names from before /run existed: /var/run is a link to it.
    Runtime(
        Name.CRI_DOCKERD, 24, None, "unix:///var/run/cri-dockerd.sock", "docker",
        "https://github.com/Mirantis/cri-dockerd",
    ),
    Runtime(Name.CONTAINERD, 19, None, "unix:///var/run/containerd/containerd.sock", "containerd", _SOCKETS),
    Runtime(
        Name.CRI_O, 19, None, "unix:///var/run/crio/crio.sock", "cri-o",
        "https://github.com/cri-o/cri-o#compatibility-matrix-cri-o--kubernetes",
    ),
)  # fmt: skip

# Before this one kubeadm calls crictl for every runtime but dockershim, and its preflight fails without it
# (its packages still name cri-tools as a dependency up to 1.31).
FIRST_KUBEADM_WITHOUT_CRICTL = 32

RANGES = (
    Range(
        "docker", 19, 23, "", "29", True, "Docker 29 refuses the old API that the kubelet's shim speaks",
        "https://github.com/docker/for-win/issues/14997",
    ),
    Range(
        "docker", 19, 23, "", "20.11", False, "kubeadm of that time knows Docker up to 20.10",
        "https://github.com/kubernetes/system-validators/blob/d24a9dd/validators/docker_validator.go",
    ),
    Range(
        "containerd", 19, 22, "", "2.0", True,
        "containerd 2 has dropped CRI v1alpha2, the only version that this kubelet speaks", _CONTAINERD,
    ),
    Range(
        "containerd", 26, None, "1.6", "", True, "this kubelet needs CRI v1, which containerd has from 1.6 on",
        _CONTAINERD,
    ),
    Range(
        "containerd", 36, None, "2.0", "", False,
        "kubeadm warns without CRI RuntimeConfig, which containerd has from 2.0 on",
        "https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.36.md",
    ),
)  # fmt: skip

TESTED = (
    Tested("1.32", ("2.1.0", "2.0.1", "1.7.24", "1.6.36"), _CONTAINERD),
    Tested("1.33", ("2.1.0", "2.0.4", "1.7.24", "1.6.36"), _CONTAINERD),
    Tested("1.34", ("2.1.3", "2.0.6", "1.7.28", "1.6.39"), _CONTAINERD),
    Tested("1.35", ("2.2.0", "2.1.5", "1.7.28"), _CONTAINERD),
    Tested("1.36", ("2.3.0", "2.2.0"), _CONTAINERD),
)


def runtime(name: Name) -> Runtime:
    """The row of a runtime."""
    return next(row for row in RUNTIMES if row.name is name)


def runtime_at(socket: str) -> Runtime | None:
    """The runtime with this socket, with or without a scheme, below /run or /var/run; None for another place."""
    return next((row for row in RUNTIMES if _place(row.cri_socket) == _place(socket)), None)


def _place(socket: str) -> str:
    return socket.removeprefix("unix://").removeprefix("/var")


def runtimes_for(minor: int) -> tuple[Runtime, ...]:
    """The runtimes that a minor release of Kubernetes can use."""
    return tuple(row for row in RUNTIMES if row.serves(minor))


def docker_for(minor: int) -> Name:
    """How a kubelet of that minor release reaches Docker."""
    return Name.DOCKERSHIM if runtime(Name.DOCKERSHIM).serves(minor) else Name.CRI_DOCKERD


def ranges_for(program: str, minor: int) -> tuple[Range, ...]:
    """The limits for the versions of a program with a minor release, the strictest first."""
    return tuple(
        row
        for row in RANGES
        if row.program == program and row.since <= minor and (row.until is None or minor <= row.until)
    )


def tested_with(series: str) -> tuple[str, ...]:
    """The containerd versions tested with a minor release; empty when there is no such row."""
    return next((row.containerd for row in TESTED if row.series == series), ())
