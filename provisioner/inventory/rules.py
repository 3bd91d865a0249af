"""What must hold between the values of a cluster. Pure: a `Cluster` in, findings out, whose paths lead into
the `Cluster` (`settings.pod_cidr`, `hosts.worker1.port`); `building.py` knows where in the file that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address
from itertools import combinations

from provisioner.catalog import kubernetes
from provisioner.errors import Severity
from provisioner.inventory import network_rules, source_rules
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster, Host
from provisioner.inventory.network_rules import UNTESTED

# kube-controller-manager's --node-cidr-mask-size for IPv4, and how many bits kubeadm lets it differ from the
# pods' network (PodSubnetNodeMaskMaxDiff in cmd/kubeadm/app/constants/constants.go).
NODE_PREFIX = 24
NODE_PREFIX_MAX_DIFF = 16
# kube-apiserver takes at most 20 bits; the cluster's DNS has the tenth address.
SERVICE_PREFIXES = range(12, 29)

_SETTINGS: KeyPath = ("settings",)


def findings(cluster: Cluster) -> tuple[Finding, ...]:
    """Everything that does not hold."""
    return tuple(finding for rule in (*_RULES, *source_rules.RULES, *network_rules.RULES) for finding in rule(cluster))


def _of(host: Host, field: str) -> KeyPath:
    return ("hosts", host.name, field)


def _no_control_plane(cluster: Cluster) -> Iterator[Finding]:
    if not cluster.control_planes:
        message = "no machine is a control plane" if cluster.hosts else "no machine has a role"
        yield Finding("no-control-plane", ("hosts",), message, "put at least one host into the group `control_plane`")


def _same_address(cluster: Cluster) -> Iterator[Finding]:
    for one, other in combinations(cluster.hosts, 2):
        if (one.address, one.port) == (other.address, other.port):
            yield Finding(
                "duplicate-address",
                _of(other, "address"),
                f"`{one.name}` and `{other.name}` are both reached at {other.address} port {other.port}",
                "give each machine its own ansible_host or ansible_port",
                needs=tuple(_of(host, field) for host in (one, other) for field in ("address", "port")),
            )


def _same_node_ip(cluster: Cluster) -> Iterator[Finding]:
    for one, other in combinations(cluster.hosts, 2):
        if one.node_ip and one.node_ip == other.node_ip:
            yield Finding(
                "duplicate-node-ip",
                _of(other, "node_ip"),
                f"`{one.name}` and `{other.name}` both have the node_ip {other.node_ip}",
                "give each machine its own, or leave node_ip out to have it measured",
                needs=(_of(one, "node_ip"), _of(other, "node_ip")),
            )


def _networks(cluster: Cluster) -> tuple[tuple[str, IPv4Network], ...]:
    return (("pod_cidr", cluster.settings.pod_cidr), ("service_cidr", cluster.settings.service_cidr))


def _overlapping_networks(cluster: Cluster) -> Iterator[Finding]:
    pods, services = cluster.settings.pod_cidr, cluster.settings.service_cidr
    if pods.overlaps(services):
        yield Finding(
            "overlapping-networks",
            (*_SETTINGS, "pod_cidr"),
            f"the pods' network {pods} and the Services' network {services} overlap",
            "choose two that share no address, such as 10.244.0.0/16 and 10.96.0.0/12",
            needs=((*_SETTINGS, "pod_cidr"), (*_SETTINGS, "service_cidr")),
        )


def _machine_in_network(cluster: Cluster) -> Iterator[Finding]:
    for host in cluster.hosts:
        for field, address in (("address", _ipv4(host.address)), ("node_ip", host.node_ip)):
            for name, network in _networks(cluster):
                if address and address in network:
                    yield Finding(
                        "address-in-network",
                        (*_SETTINGS, name),
                        f"{name} {network} contains {address}, an address of `{host.name}`",
                        f"choose a {name} that no machine has an address in",
                        needs=((*_SETTINGS, name), _of(host, field)),
                    )


def _ipv4(text: str) -> IPv4Address | None:
    """None for names, and for IPv6."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) else None


def _pod_network_size(cluster: Cluster) -> Iterator[Finding]:
    network, machines = cluster.settings.pod_cidr, len(cluster.hosts)
    room = 2 ** (NODE_PREFIX - network.prefixlen) if network.prefixlen <= NODE_PREFIX else 0
    path = (*_SETTINGS, "pod_cidr")
    if room < machines:
        needed = NODE_PREFIX - (machines - 1).bit_length()
        nodes = "1 node" if machines == 1 else f"{machines} nodes"
        held = f"a /{network.prefixlen} has room for {room or 'none'}, and the cluster has {nodes}"
        why = f"each node gets a /{NODE_PREFIX}: {held}"
        yield Finding("small-network", path, why, f"take at least a /{needed}")
    if network.prefixlen < NODE_PREFIX - NODE_PREFIX_MAX_DIFF:
        smallest = NODE_PREFIX - NODE_PREFIX_MAX_DIFF
        yield Finding(
            "large-network",
            path,
            f"kubeadm takes at most a /{smallest}, this is a /{network.prefixlen}",
            f"take a /{smallest} or less, such as 10.244.0.0/16",
        )


def _service_network_size(cluster: Cluster) -> Iterator[Finding]:
    network, path = cluster.settings.service_cidr, (*_SETTINGS, "service_cidr")
    most, least = SERVICE_PREFIXES[0], SERVICE_PREFIXES[-1]
    if network.prefixlen > least:
        why = f"a /{network.prefixlen} has {network.num_addresses} addresses, and DNS takes the tenth"
        yield Finding("small-network", path, why, f"take at least a /{least}, better a /16")
    if network.prefixlen < most:
        yield Finding(
            "large-network",
            path,
            f"the API server takes at most a /{most}, this is a /{network.prefixlen}",
            f"take a /{most} or less, such as 10.96.0.0/12",
        )


def _version(cluster: Cluster) -> Iterator[Finding]:
    version, path = cluster.settings.kubernetes_version, (*_SETTINGS, "kubernetes_version")
    row = kubernetes.release(version.series)
    if row is None:
        nearest = kubernetes.rules_for(version.series).series
        known = ", ".join(release.series for release in kubernetes.releases())
        hint = f"known are {known}; `--allow-untested` tries it by the rules of {nearest}"
        yield Finding(UNTESTED, path, f"Kubernetes {version} is not in the catalogue", hint)
    elif version.patch > row.last_patch:
        last = f"{row.series}.{row.last_patch}"
        if row.ended:
            hint = f"the last of that series is {last}"
            yield Finding("unsupported-version", path, f"there is no Kubernetes {version}", hint)
        else:
            message = f"Kubernetes {version} is newer than the catalogue, which knows {last}"
            yield Finding("new-version", path, message, "it goes by what is known of its series", Severity.WARNING)


def tolerated(finding: Finding) -> Finding:
    """A version outside the catalogue as a warning, for whoever wants to try it; all else as it is."""
    if finding.rule != UNTESTED:
        return finding
    hint = finding.hint.rpartition("tries it ")[2]
    return replace(finding, hint=f"it is tried {hint}; nobody has tested that", severity=Severity.WARNING)


def _endpoint(cluster: Cluster) -> Iterator[Finding]:
    machines = len(cluster.control_planes)
    if machines > 1 and cluster.settings.control_plane_endpoint is None:
        yield Finding(
            "no-endpoint",
            (*_SETTINGS, "control_plane_endpoint"),
            f"{machines} control planes need one address that reaches whichever of them is alive",
            "set control_plane_endpoint to the load balancer's or virtual address, such as api.example:6443",
            needs=((*_SETTINGS, "control_plane_endpoint"), ("hosts",)),
        )


def _not_root(cluster: Cluster) -> Iterator[Finding]:
    for host in cluster.hosts:
        if host.user not in (None, "root") and not host.become:
            yield Finding(
                "not-root", _of(host, "user"), f"`{host.user}` does not become root on `{host.name}`, as is needed",
                "add `ansible_become: true` (sudo without a password)", Severity.WARNING,
                needs=(_of(host, "user"), _of(host, "become")),
            )  # fmt: skip


_RULES: tuple[Callable[[Cluster], Iterator[Finding]], ...] = (
    _no_control_plane,
    _same_address,
    _same_node_ip,
    _overlapping_networks,
    _machine_in_network,
    _pod_network_size,
    _service_network_size,
    _version,
    _endpoint,
    _not_root,
)
