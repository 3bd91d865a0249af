"""What a bundle from Debian's sources is made of, as data. Changing any of it changes the cache keys of the
stages that use it, and only of those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioner.bundle.common.manifest import Missing
from provisioner.errors import UsageError

# Debian bookworm's source package `kubernetes` is 1.20.5+really1.20.2: one minor version, compiled as it is.
RELEASE = "bookworm"
KUBERNETES_VERSION = "1.20.2"
SOURCE_PACKAGE = "kubernetes"
MINOR = "1.20."

# Our own packages are named and numbered as upstream's were (apt.kubernetes.io, revision -00; ours -1.1).
PACKAGE_REVISION = "1.1"

PROGRAMS = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)

BUILD_TOOLS = (
    "apt-utils",
    "ca-certificates",
    "dpkg-dev",
    "gcc",
    "gnupg",
    "golang-github-modern-go-reflect2-dev",
    "golang-go",
    "jq",
    "libc6-dev",
    "make",
    "rsync",
)
IMAGE_SOURCES = (
    "busybox-static",
    "conntrack",
    "containernetworking-plugins",
    "etcd-client",
    "etcd-server",
    "ipset",
    "iptables",
    "kmod",
)

OWN_PACKAGES = ("kubelet", "kubeadm", "kubectl", "kubernetes-cni")
# What a node installs besides our own: the runtimes and what kubeadm's and the kubelet's checks look for.
NODE_PACKAGES = (
    "docker.io",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "socat",
    "ethtool",
    "ebtables",
    "iptables",
    "iproute2",
    "kmod",
    "procps",
    "ca-certificates",
)

NOT_IN_DEBIAN = "not in Debian, so a bundle made from Debian's sources cannot have it"
CRI_TOOLS = Missing(name="cri-tools", reason=f"crictl is {NOT_IN_DEBIAN}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the user asks for: a Kubernetes version (no leading v), a Debian release and an architecture."""

    kubernetes_version: str = KUBERNETES_VERSION
    release: str = RELEASE
    architecture: str = "amd64"

    def __post_init__(self) -> None:
        """UsageError for a version that cannot be made of Debian's source (any patch number of its minor can)."""
        if not re.fullmatch(re.escape(MINOR) + r"\d+", self.kubernetes_version):
            raise UsageError(
                f"Kubernetes {self.kubernetes_version} cannot be built from Debian {self.release}",
                hint=f"Its source package is {KUBERNETES_VERSION}: ask for that version.",
            )

    @property
    def package_version(self) -> str:
        """The Debian version of our own kubeadm, kubelet and kubectl."""
        return f"{self.kubernetes_version}-{PACKAGE_REVISION}"
