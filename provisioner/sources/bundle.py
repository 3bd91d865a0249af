"""The offline bundle as a source: its own apt repository, reached through the SSH connection while a run lasts."""

from __future__ import annotations

from provisioner.core.play import View
from provisioner.errors import BundleError
from provisioner.resources.packages import PackageDatabase
from provisioner.sources.bundle_access import repository
from provisioner.sources.source import Source

_RUNTIME = ("containerd", "docker.io", "runc")
# Named one by one: what a kubelet package pulls in by itself has changed over time.
_KUBERNETES = (
    "conntrack",
    "containernetworking-plugins",
    "ebtables",
    "ethtool",
    "iptables",
    "socat",
    "kubeadm",
    "kubectl",
    "kubelet",
    "kubernetes-cni",
)


def kubernetes(view: View) -> Source:
    """kubeadm, kubelet, kubectl and what they need."""
    return _source(view, _KUBERNETES)


def runtime(view: View) -> Source:
    """Debian's Docker."""
    return _source(view, _RUNTIME)


def _source(view: View, names: tuple[str, ...]) -> Source:
    if view.bundle is None:
        raise BundleError("packages are wished from a bundle, and this run has none")
    source = repository(view)
    return Source(source.files, source.options, {name: view.bundle.package_version(name) for name in names})


def package_database(view: View) -> PackageDatabase:
    """A package database in order; what was interrupted while it was unpacked comes from the bundle once more."""
    if view.bundle is None:
        return PackageDatabase()
    source = repository(view)
    return PackageDatabase(source.files[-1].path, source.options)
