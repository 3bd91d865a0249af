"""The addresses of a host that its node may use, the best first; and what is already decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from provisioner.inventory.model import Host
from provisioner.world.addresses import Address
from provisioner.world.facts import HostFacts, HostState
from provisioner.world.network import Decision
from provisioner.world.view import View

# Interfaces that network plug-ins create on a node; their addresses are never the node's own address.
PLUGINS = (
    "cni", "flannel", "cali", "tunl", "vxlan", "kube-", "cilium", "lxc", "weave", "antrea", "ovn", "nodelocaldns",
    "genev",
)  # fmt: skip
# Those of container engines, hypervisors and tunnels.
_VIRTUAL = (
    "lo", "docker", "br-", "podman", "veth", "virbr", "vnet", "vboxnet", "vmnet", "lxd", "dummy",
    "tun", "tap", "wg", "tailscale", "zt", "ppp", "gre", "sit", "ipip",
)  # fmt: skip
# Kinds of interfaces, as the kernel names them, that are always tunnels, whatever their name.
_TUNNELS = frozenset({"none", "ppp", "tunnel", "ipip", "gre", "sit"})

# The hosts that have each address: an address that two hosts have cannot be used for either.
Owners = Mapping[IPv4Address, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Option:
    """An address that a node may use, and the reason for it."""

    address: Address
    reason: str


def is_virtual(address: Address) -> bool:
    """Whether its interface was created by a container engine, a plug-in or a tunnel."""
    return address.interface.startswith((*PLUGINS, *_VIRTUAL)) or address.link in _TUNNELS


def candidates(facts: HostFacts) -> tuple[Address, ...]:
    """Addresses that a node might use: not loopback, not of a virtual interface, not link-local."""
    found = (address for address in facts.addresses if not is_virtual(address))
    return tuple(address for address in found if not address.ip.is_link_local and not address.ip.is_loopback)


def owners(view: View) -> Owners:
    """The hosts that have each address."""
    found: dict[IPv4Address, list[str]] = defaultdict(list)
    for name, facts in sorted(view.observed.facts.items()):
        for ip in {address.ip.ip for address in facts.addresses}:
            found[ip].append(name)
    return {ip: tuple(names) for ip, names in found.items()}


def reached(view: View) -> dict[str, Host]:
    """The hosts that have answered, in the order of their names."""
    known = (host for host in view.cluster.hosts if host.name in view.observed.facts)
    return {host.name: host for host in sorted(known, key=lambda host: host.name)}


def is_bound(state: HostState) -> bool:
    """Whether something on the host was already made with its address: certificates, a node, or part of them."""
    return state.joined or state.init_begun or state.join_begun


def settled(view: View, host: Host) -> Decision | None:
    """What was decided earlier and stays; as long as nothing was made with it, the inventory and the facts win."""
    state, decided = view.observed.states[host.name], view.observed.states[host.name].network
    if decided is None or is_bound(state):
        return decided
    address = view.observed.facts[host.name].interface_of(decided.ip.ip)
    as_desired = host.node_ip in (None, decided.ip.ip) and host.node_interface in (None, decided.interface)
    return decided if address and address.interface == decided.interface and as_desired else None


def options(view: View, host: Host, known: Owners) -> tuple[Option, ...]:
    """The addresses to choose from, the best first; only one when the inventory or the running cluster names it."""
    facts = view.observed.facts[host.name]
    if (adopted := _adopted(view, host)) is not None:
        return (Option(adopted, "the node has it in the running cluster"),)
    if host.node_ip:
        named = facts.interface_of(host.node_ip)
        return (Option(named, "node_ip in the inventory says so"),) if named else ()
    pool = candidates(facts)
    if host.node_interface:
        pool = tuple(address for address in facts.addresses if address.interface == host.node_interface)
    own = [address for address in pool if len(known[address.ip.ip]) == 1]
    return tuple(
        Option(address, _reason(host, address)) for address in sorted(own, key=lambda one: _rank(view, host, one))
    )


def _adopted(view: View, host: Host) -> Address | None:
    node = (
        view.observed.live.nodes.get(host.name)
        if view.observed.live and view.observed.states[host.name].joined
        else None
    )
    return view.observed.facts[host.name].interface_of(node.internal_ip) if node and node.internal_ip else None


def _rank(view: View, host: Host, address: Address) -> tuple[bool, bool]:
    """The address of the inventory first; that of the API server's endpoint, which may move elsewhere, last."""
    endpoint = view.cluster.settings.control_plane_endpoint
    return (endpoint is not None and endpoint.host == str(address.ip.ip), host.address != str(address.ip.ip))


def _reason(host: Host, address: Address) -> str:
    if host.node_interface:
        return "node_interface in the inventory says so"
    if host.address == str(address.ip.ip):
        return "the inventory reaches the machine there"
    return f"no other machine has it, and {address.interface} is no engine's, plug-in's or tunnel's"
