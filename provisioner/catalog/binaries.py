"""Kubernetes' programs as files, for those who take no packages: where they are, and what goes with which release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binaries:
    """What is published as files with checksums at `url`; `version` is the one that is taken.

    `{version}` stands for Kubernetes' own, `{minor}` for the number behind its dot.
    """

    name: str
    url: str
    version: str
    source: str


PROGRAMS = Binaries("kubernetes", "https://dl.k8s.io", "{version}", "https://kubernetes.io/releases/download/")
# Newer ones serve every kubelet of the catalogue.
CNI_PLUG_INS = Binaries(
    "kubernetes-cni",
    "https://github.com/containernetworking/plugins/releases/download",
    "1.9.1",
    "https://github.com/containernetworking/plugins/releases",
)
CRICTL = Binaries(
    "cri-tools",
    "https://github.com/kubernetes-sigs/cri-tools/releases/download",
    "1.{minor}.0",
    "https://github.com/kubernetes-sigs/cri-tools/releases",
)
BINARIES = (PROGRAMS, CNI_PLUG_INS, CRICTL)
_NEWEST_CRICTL_MINOR = 36
# As Go calls architectures, where Debian has another name for them.
_ARCHITECTURES = {"armhf": "arm", "ppc64el": "ppc64le"}
# Those that the programs of a node are made for.
ARCHITECTURES = ("amd64", "arm64", "arm", "ppc64le", "s390x")


def crictl_version(minor: int) -> str:
    """The crictl for a minor release: its own, which speaks the runtime's language of its day, or the newest seen."""
    return CRICTL.version.format(minor=min(minor, _NEWEST_CRICTL_MINOR))


def architecture(debian: str) -> str:
    """Debian's architecture in the words of the downloads."""
    return _ARCHITECTURES.get(debian, debian)
