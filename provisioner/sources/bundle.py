"""The offline bundle as a source: its own apt repository, reached through the SSH connection while a run lasts."""

from __future__ import annotations

from provisioner.bundle.common.manifest import Kind
from provisioner.catalog.runtimes import Name
from provisioner.errors import BundleError
from provisioner.resources.packages import PackageDatabase
from provisioner.sources.bundle_access import repository
from provisioner.sources.source import Source
from provisioner.world.derived import runtime as desired_runtime
from provisioner.world.view import View

# Debian's names; for cri-dockerd, its project's name. CRI-O can only import images from archives with skopeo.
_RUNTIMES = {
    Name.DOCKERSHIM: ("containerd", "docker.io", "runc"),
    Name.CRI_DOCKERD: ("containerd", "cri-dockerd", "docker.io", "runc"),
    Name.CONTAINERD: ("containerd", "runc"),
    Name.CRI_O: ("cri-o", "cri-tools", "skopeo"),
}
# The names of the same packages in Docker's repository.
_DOCKERS = {"containerd": ("containerd.io",), "docker.io": ("docker-ce", "docker-ce-cli"), "runc": ()}
# Listed one by one: the dependencies of kubelet packages have changed over time.
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
    "cri-tools",
)
# Not in every bundle: the plug-ins are in upstream's kubernetes-cni, and Debian has no crictl.
_OF_SOME = ("containernetworking-plugins", "cri-tools")


def kubernetes(view: View) -> Source:
    """kubeadm, kubelet, kubectl and what they need."""
    return _source(view, tuple(name for name in _KUBERNETES if name not in _OF_SOME or has(view, name)))


def runtime(view: View) -> Source:
    """The container runtime; what the bundle lacks is not among the versions (see `lacking`)."""
    return _source(view, tuple(name for name in _desired(view) if has(view, name)))


def lacking(view: View) -> tuple[str, ...]:
    """Packages of the desired runtime that the bundle does not have."""
    return tuple(name for name in _desired(view) if not has(view, name))


def is_dockers(view: View) -> bool:
    """Whether the runtime in the bundle is from Docker's repository, and not a distribution's."""
    return has(view, "containerd.io")


def has(view: View, name: str) -> bool:
    """Whether this run has a bundle, with a package of that name."""
    return view.materials.bundle is not None and any(
        package.name == name for package in view.materials.bundle.of_kind(Kind.PACKAGE)
    )


def _desired(view: View) -> tuple[str, ...]:
    names = _RUNTIMES[desired_runtime(view).name]
    return tuple(one for name in names for one in _DOCKERS.get(name, (name,))) if is_dockers(view) else names


def _source(view: View, names: tuple[str, ...]) -> Source:
    if view.materials.bundle is None:
        raise BundleError("the inventory wants packages from a bundle, and this run has none")
    source = repository(view)
    return Source(source.files, source.options, {name: view.materials.bundle.package_version(name) for name in names})


def package_database(view: View) -> PackageDatabase:
    """A consistent package database; a package whose unpacking was interrupted is unpacked again from the bundle."""
    if view.materials.bundle is None:
        return PackageDatabase()
    source = repository(view)
    return PackageDatabase(source.files[-1].path, source.options)
