"""Rules about the chosen network plug-in. Pure, like `rules`, which includes these."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.catalog import networks as catalog
from provisioner.errors import Severity
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import (
    Foreign,
    KubeRouterNetwork,
    Released,
    WeaveNetwork,
    is_address,
    place,
    release,
)

# What `--allow-untested` makes a warning.
UNTESTED = "untested-version"
_NETWORK: KeyPath = ("settings", "network")
_VERSION: KeyPath = (*_NETWORK, "version")


def _version(cluster: Cluster) -> Iterator[Finding]:
    """A version that the catalog does not know, or one that is made for another Kubernetes."""
    network, kubernetes = cluster.settings.network, cluster.settings.kubernetes_version
    if not isinstance(network, Released):
        return
    row = release(network, kubernetes.minor)
    known = ", ".join(catalog.versions(network.type))
    if row is None:
        message = f"{network.type} {network.version} is not in the catalog, so the hash of its manifest is not known"
        hint = f"known versions: {known}; with `type: manifest` any other is applied as it is"
        yield Finding("unknown-version", _VERSION, message, hint)
    elif not row.serves(kubernetes.minor):
        message = f"{network.type} {row.version} is not made for Kubernetes {kubernetes.series}"
        ends = f"1.{row.since} to 1.{row.until}" if row.until else f"1.{row.since} and later"
        hint = f"it is for {ends}; known versions: {known}; `--allow-untested` tries it with the rules of {row.version}"
        yield Finding(UNTESTED, _VERSION, message, hint, needs=(_VERSION, ("settings", "kubernetes_version")))


def _archived(cluster: Cluster) -> Iterator[Finding]:
    if isinstance(cluster.settings.network, WeaveNetwork):
        message = "Weave Net was abandoned by its authors in June 2024: its faults are no longer fixed"
        hint = "for a new cluster use calico, flannel or kube-router"
        yield Finding("archived", (*_NETWORK, "type"), message, hint, Severity.WARNING)


def _unpinned(cluster: Cluster) -> Iterator[Finding]:
    network = cluster.settings.network
    if isinstance(network, Foreign) and is_address(network.manifest) and not network.sha256:
        message = f"the content of {network.manifest} cannot be checked: its hash is missing"
        yield Finding("unpinned", (*_NETWORK, "manifest"), message, "add its `sha256`, or name a file that you keep")


def _no_web(cluster: Cluster) -> Iterator[Finding]:
    told = place(cluster.settings.network)
    if is_address(told) and not told.startswith(("https://", "http://")):
        message = f"{told} is not a URL that can be fetched"
        yield Finding(
            "bad-value", (*_NETWORK, "manifest"), message, "use a URL that begins with https://, or a file name"
        )


def _host_ports(cluster: Cluster) -> Iterator[Finding]:
    network = cluster.settings.network
    if isinstance(network, KubeRouterNetwork) and network.host_ports and not network.service_proxy:
        message = "kube-router has a manifest with host ports only if it replaces kube-proxy"
        hint = "set `service_proxy: true` too, or leave `host_ports` out"
        yield Finding("host-ports", (*_NETWORK, "host_ports"), message, hint)


RULES: tuple[Callable[[Cluster], Iterator[Finding]], ...] = (_version, _archived, _unpinned, _no_web, _host_ports)
