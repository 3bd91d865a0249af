"""Rules about the cluster's networks and its hosts, as far as the inventory has their addresses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_address

from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.free_networks import DOCKER, suggestion
from provisioner.inventory.model import Cluster

# kube-controller-manager's --node-cidr-mask-size for IPv4, and how many bits kubeadm lets it differ from the
# pod network (PodSubnetNodeMaskMaxDiff in cmd/kubeadm/app/constants/constants.go).
NODE_PREFIX = 24
NODE_PREFIX_MAX_DIFF = 16
# kube-apiserver accepts at most 20 bits; the cluster's DNS has the tenth address.
SERVICE_PREFIXES = range(12, 29)
# The network of this size around a host's address counts as taken: only the host itself knows its real network.
_AROUND = 24
_SETTINGS: KeyPath = ("settings",)


def networks(cluster: Cluster) -> tuple[tuple[str, IPv4Network], ...]:
    """The cluster's own networks, by the names of their settings."""
    return (("pod_cidr", cluster.settings.pod_cidr), ("service_cidr", cluster.settings.service_cidr))


def room(pods: IPv4Network) -> int:
    """How many nodes can get a pod CIDR of the pod network."""
    return int(2 ** (NODE_PREFIX - pods.prefixlen)) if pods.prefixlen <= NODE_PREFIX else 0


def _overlapping_networks(cluster: Cluster) -> Iterator[Finding]:
    pods, services = cluster.settings.pod_cidr, cluster.settings.service_cidr
    if pods.overlaps(services):
        yield Finding(
            "overlapping-networks",
            (*_SETTINGS, "pod_cidr"),
            f"the pod network {pods} and the Services' network {services} overlap",
            suggestion("pod_cidr", pods, _taken(cluster, "pod_cidr")),
            needs=((*_SETTINGS, "pod_cidr"), (*_SETTINGS, "service_cidr")),
        )


def _machine_in_network(cluster: Cluster) -> Iterator[Finding]:
    for host in cluster.hosts:
        for field, address in (("address", _ipv4(host.address)), ("node_ip", host.node_ip)):
            for name, network in networks(cluster):
                if address and address in network:
                    yield Finding(
                        "address-in-network",
                        (*_SETTINGS, name),
                        f"{name} {network} contains {address}, an address of `{host.name}`",
                        suggestion(name, network, _taken(cluster, name)),
                        needs=((*_SETTINGS, name), ("hosts", host.name, field)),
                    )


def _docker(cluster: Cluster) -> Iterator[Finding]:
    if cluster.settings.runtime.type == "docker":
        for name, network in networks(cluster):
            if network.overlaps(DOCKER):
                yield Finding(
                    "overlapping-networks",
                    (*_SETTINGS, name),
                    f"{name} {network} overlaps {DOCKER}, which Docker uses for its own bridge",
                    suggestion(name, network, _taken(cluster, name)),
                    needs=((*_SETTINGS, name), (*_SETTINGS, "runtime")),
                )


def _taken(cluster: Cluster, name: str) -> Iterator[IPv4Network]:
    """The networks that another value of that setting must not overlap."""
    yield from (network for other, network in networks(cluster) if other != name)
    for host in cluster.hosts:
        for address in (_ipv4(host.address), host.node_ip):
            if address:
                yield IPv4Network((address, _AROUND), strict=False)


def _ipv4(text: str) -> IPv4Address | None:
    """None for names, and for IPv6."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) else None


def _pod_network_size(cluster: Cluster) -> Iterator[Finding]:
    network, machines = cluster.settings.pod_cidr, len(cluster.hosts)
    path = (*_SETTINGS, "pod_cidr")
    if room(network) < machines:
        yield Finding("small-network", path, *too_small(network, machines))
    if network.prefixlen < NODE_PREFIX - NODE_PREFIX_MAX_DIFF:
        smallest = NODE_PREFIX - NODE_PREFIX_MAX_DIFF
        yield Finding(
            "large-network",
            path,
            f"kubeadm accepts at most a /{smallest}, this is a /{network.prefixlen}",
            f"use a /{smallest} or smaller, such as 10.244.0.0/16",
        )


def too_small(network: IPv4Network, machines: int) -> tuple[str, str]:
    """Why the pod network is too small for so many nodes, and which size is large enough."""
    needed = NODE_PREFIX - (machines - 1).bit_length()
    nodes = "1 node" if machines == 1 else f"{machines} nodes"
    held = f"a /{network.prefixlen} has room for {room(network) or 'none'}, and the cluster has {nodes}"
    return f"each node gets a /{NODE_PREFIX}: {held}", f"use at least a /{needed}"


def _service_network_size(cluster: Cluster) -> Iterator[Finding]:
    network, path = cluster.settings.service_cidr, (*_SETTINGS, "service_cidr")
    most, least = SERVICE_PREFIXES[0], SERVICE_PREFIXES[-1]
    if network.prefixlen > least:
        why = f"a /{network.prefixlen} has {network.num_addresses} addresses, and DNS uses the tenth"
        yield Finding("small-network", path, why, f"use at least a /{least}, better a /16")
    if network.prefixlen < most:
        yield Finding(
            "large-network",
            path,
            f"the API server accepts at most a /{most}, this is a /{network.prefixlen}",
            f"use a /{most} or smaller, such as 10.96.0.0/12",
        )


RULES: tuple[Callable[[Cluster], Iterator[Finding]], ...] = (
    _overlapping_networks,
    _machine_in_network,
    _docker,
    _pod_network_size,
    _service_network_size,
)
