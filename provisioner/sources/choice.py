"""Which source a product has on a host, as the inventory says, and what that means on the host."""

from __future__ import annotations

from dataclasses import replace

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.distribution import PackagesGone, Tools
from provisioner.resources.files import Directory, File
from provisioner.resources.other_sources import OtherSources
from provisioner.resources.packages import PackageDatabase
from provisioner.sources import binaries, bundle
from provisioner.sources.keys import key_of
from provisioner.sources.repository import DOCKER, KUBERNETES, PRODUCTS, Repository, repository
from provisioner.sources.source import Source
from provisioner.sources.wanted import versions_for
from provisioner.world.view import View

# What kubelet and kubeadm call; which of them their packages depend on has changed over time.
_TOOLS = ("conntrack", "ebtables", "ethtool", "iproute2", "iptables", "socat")
_KUBERNETES = ("cri-tools", "kubeadm", "kubectl", "kubelet", "kubernetes-cni")
# Packages of the two kinds of Docker, which cannot be installed side by side.
_DOCKER_CE = ("containerd.io", "docker-ce", "docker-ce-cli")
_DISTRIBUTION = ("containerd", "docker.io", "podman-docker", "runc")


def kubernetes_source(view: View, host: Host) -> Source:
    """Where kubeadm, kubelet and kubectl come from on this host."""
    found = repository(view, host, KUBERNETES)
    if found and found.binaries:
        return _binaries(view, host)
    if found:
        source = _from(view, host, found)
        return replace(source, resources=(*source.resources, Tools(KUBERNETES, _TOOLS)))
    source = bundle.kubernetes(view)
    # The runtime's play has already added the bundle's repository to the host, if its packages come from there, too.
    return source if repository(view, host, DOCKER) else replace(source, resources=())


def _binaries(view: View, host: Host) -> Source:
    """Packages of the same names are removed first: they own the files that the binaries replace."""
    versions = versions_for(view, host, KUBERNETES)
    present = packaged(view, host)
    gone = (PackagesGone(present, "binaries without a package"),) if present else ()
    return Source(
        (*gone, Tools(KUBERNETES, _TOOLS), *binaries.units()),
        versions=versions,
        binaries=binaries.desired(view, host, versions),
        restarts=(binaries.KUBELET,),
    )


def packaged(view: View, host: Host) -> tuple[str, ...]:
    """Packages of Kubernetes that are installed on a host that shall have the binaries without packages."""
    found = repository(view, host, KUBERNETES)
    names = _KUBERNETES if found and found.binaries else ()
    return tuple(name for name in names if name in view.observed.states[host.name].packages)


def runtime_source(view: View, host: Host) -> Source:
    """Where the container runtime comes from on this host."""
    found = repository(view, host, DOCKER)
    source = _from(view, host, found) if found else bundle.runtime(view)
    return replace(source, resources=(*source.resources, *_in_the_way(view, host, source)))


def package_database(view: View, host: Host) -> PackageDatabase:
    """A consistent package database; a package whose unpacking was interrupted is unpacked again from its source."""
    found = (repository(view, host, product) for product in PRODUCTS)
    from_repositories = [one.product for one in found if one and not one.binaries]
    versions = tuple(pair for product in from_repositories for pair in versions_for(view, host, product).items())
    return replace(bundle.package_database(view), versions=versions)


def in_the_way(view: View, host: Host) -> tuple[str, ...]:
    """Packages of another kind of Docker than the desired one that are installed on this host."""
    found = repository(view, host, DOCKER)
    of_docker = bool(found.uri) if found else bundle.is_dockers(view)
    others = _DISTRIBUTION if of_docker else _DOCKER_CE
    return tuple(name for name in others if name in view.observed.states[host.name].packages)


def _in_the_way(view: View, host: Host, source: Source) -> tuple[Resource, ...]:
    present = in_the_way(view, host)
    return (PackagesGone(present, next(iter(source.versions), "")),) if present else ()


def _from(view: View, host: Host, found: Repository) -> Source:
    versions = versions_for(view, host, found.product)
    answer = view.observed.answers.get((host.name, found.product))
    hashes = tuple(
        (f"{name}={version}", digest)
        for name, version in versions.items()
        if answer and (digest := answer.sha256(name, version))
    )
    if not found.uri:
        return Source((), (), versions, shared=True, hashes=hashes)
    return Source(
        (
            OtherSources(found.product, found.path, found.marks),
            # On hosts where root's new files are private (umask), apt's own user could not read the key.
            Directory(found.key_path.rpartition("/")[0]),
            File(found.key_path, key_of(view, host, found)),
            File(found.path, found.definition()),
        ),
        # Only this source is updated, and the lists of the others stay. By default apt ignores a failure.
        (
            *(f"-oDir::Etc::SourceList={found.path}", "-oDir::Etc::SourceParts=/dev/null"),
            *("-oAPT::Get::List-Cleanup=0", "-oAPT::Update::Error-Mode=any"),
        ),
        versions,
        shared=True,
        hashes=hashes,
    )
