"""Kubernetes' binaries as files, used instead of packages: where they are, and which version is for which release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binaries:
    """What is published as files with checksums at `url`; `version` is the one that is used.

    `{version}` stands for Kubernetes' own, `{minor}` for its minor number.
    """

    name: str
    url: str
    version: str
    source: str


KUBERNETES = Binaries("kubernetes", "https://dl.k8s.io", "{version}", "https://kubernetes.io/releases/download/")
# Newer ones work with every kubelet of the catalog.
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
BINARIES = (KUBERNETES, CNI_PLUG_INS, CRICTL)
_NEWEST_CRICTL_MINOR = 36
# Go's names of architectures, where Debian has another name.
_ARCHITECTURES = {"armhf": "arm", "ppc64el": "ppc64le"}
# The architectures that the binaries of a node are published for.
ARCHITECTURES = ("amd64", "arm64", "arm", "ppc64le", "s390x")


def crictl_version(minor: int) -> str:
    """The crictl for a minor release: of the same release, which speaks the CRI of its time, or the newest seen."""
    return CRICTL.version.format(minor=min(minor, _NEWEST_CRICTL_MINOR))


def architecture(debian: str) -> str:
    """The name of Debian's architecture in the downloads."""
    return _ARCHITECTURES.get(debian, debian)
