"""Kubernetes' programs as files, for those who take no packages: where they are, and what goes with which release."""

from __future__ import annotations

# https://kubernetes.io/releases/download/
PROGRAMS = "https://dl.k8s.io"
# https://github.com/containernetworking/plugins/releases: newer ones serve every kubelet of the catalogue.
CNI_PLUG_INS = "https://github.com/containernetworking/plugins/releases/download"
CNI_VERSION = "1.9.1"
# https://github.com/kubernetes-sigs/cri-tools/releases: one for each minor release of Kubernetes.
CRICTL = "https://github.com/kubernetes-sigs/cri-tools/releases/download"
_NEWEST_CRICTL_MINOR = 36
# As Go calls architectures, where Debian has another name for them.
_ARCHITECTURES = {"armhf": "arm", "ppc64el": "ppc64le"}
# Those that the programs of a node are made for.
ARCHITECTURES = ("amd64", "arm64", "arm", "ppc64le", "s390x")


def crictl_version(minor: int) -> str:
    """The crictl for a minor release: its own, which speaks the runtime's language of its day, or the newest seen."""
    return f"1.{min(minor, _NEWEST_CRICTL_MINOR)}.0"


def architecture(debian: str) -> str:
    """Debian's architecture in the words of the downloads."""
    return _ARCHITECTURES.get(debian, debian)
