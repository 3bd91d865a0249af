"""What must be true of the network decision, and of the cluster's networks compared with those of the hosts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

from provisioner.catalog.networks import added_bytes
from provisioner.core.names import some
from provisioner.errors import Problem, Severity
from provisioner.inventory.free_networks import suggestion
from provisioner.inventory.model import Host
from provisioner.inventory.network_rules import networks, room, too_small
from provisioner.inventory.networks import desired_mtu, variant
from provisioner.inventory.ssh import SSH_PORT
from provisioner.networks.bridge import PROTOCOL
from provisioner.world.addressing.deciding import by_address, lost
from provisioner.world.addressing.options import PLUGINS, is_bound
from provisioner.world.derived import node_address
from provisioner.world.facts import HostFacts
from provisioner.world.network import RECORD
from provisioner.world.view import View

# VPNs set the default route as two halves (/1), which take precedence over the default route that exists.
_HALF = 1
_MOVED = (
    "Restore the previous address or setting. To move the node instead: `kubectl delete node`, `kubeadm reset` on "
    f"that host, remove {RECORD} there, and apply again."
)


def _named_interface(view: View) -> Iterator[Problem]:
    """An interface that the inventory names exists."""
    missing: dict[str, list[str]] = defaultdict(list)
    for host in view.hosts:
        if host.node_interface and host.node_interface not in _interfaces(view.observed.facts[host.name]):
            missing[host.node_interface].append(host.name)
    for name, hosts in missing.items():
        there = sorted({one for host in hosts for one in _interfaces(view.observed.facts[host])})
        nowhere = not any(name in _interfaces(facts) for facts in view.observed.facts.values())
        message = f"no host has an interface {name}" if nowhere else f"there is no interface {name} with an address"
        hint = f"Existing interfaces: {', '.join(there)}. Correct node_interface, or leave it out to have it measured."
        yield Problem("node-interface", some(tuple(hosts)), message, hint)


def _interfaces(facts: HostFacts) -> tuple[str, ...]:
    found = (address.interface for address in facts.addresses if not address.ip.is_loopback)
    return tuple(dict.fromkeys(found))


def _no_address(view: View) -> Iterator[Problem]:
    for host in view.hosts:
        named = host.node_interface and host.node_interface not in _interfaces(view.observed.facts[host.name])
        if node_address(view, host) is None and not named:
            want = f"has no interface with its node_ip {host.node_ip}" if host.node_ip else "has no address of its own"
            yield Problem(
                "node-address", host.name, want, "Set node_ip of the host to an address that the other hosts can reach."
            )


def _contradictions(view: View) -> Iterator[Problem]:
    """What was decided and is in use still holds; no run changes any of it silently."""
    for host in view.hosts:
        decided = view.observed.states[host.name].network
        if decided is None or not is_bound(view.observed.states[host.name]):
            continue
        was = f"was made with {decided.ip.ip} on {decided.interface}"
        facts = view.observed.facts[host.name]
        now = facts.interface_of(decided.ip.ip)
        if now is None:
            rest = [str(address.ip.ip) for address in facts.addresses if address.interface == decided.interface]
            found = f"{decided.interface} has {', '.join(rest)} now" if rest else f"{decided.interface} is missing"
            yield Problem("network-changed", host.name, f"{was}, and {found}", _MOVED)
        elif now.interface != decided.interface:
            yield Problem("network-changed", host.name, f"{was}, and that address is on {now.interface} now", _MOVED)
        elif now.mtu < decided.mtu:
            message = f"{was} and path MTU {decided.mtu}, but the MTU of the interface is only {now.mtu} now"
            hint = f"`ip link set {decided.interface} mtu {decided.mtu}`, and make it permanent; or set network.mtu."
            yield Problem("network-changed", host.name, message, hint, Severity.WARNING)


def _other_wants(view: View) -> Iterator[Problem]:
    """What the inventory says now is what the node was made with."""
    for host in view.hosts:
        decided = node_address(view, host)
        if decided is None or not is_bound(view.observed.states[host.name]):
            continue
        pairs = (("node_ip", host.node_ip, decided.ip.ip), ("node_interface", host.node_interface, decided.interface))
        for name, want, is_now in pairs:
            if want not in (None, is_now):
                message = f"was made with {decided.ip.ip} on {decided.interface}, and the inventory wants {name} {want}"
                yield Problem("network-node", host.name, message, _MOVED)


def _shared(view: View) -> Iterator[Problem]:
    """Each host has an address of its own."""
    owners: dict[str, list[str]] = defaultdict(list)
    for host in view.hosts:
        if decided := node_address(view, host):
            owners[str(decided.ip.ip)].append(host.name)
    for ip, names in owners.items():
        if len(names) > 1:
            hint = "Give each host its own address, or set another address with node_ip."
            yield Problem("shared-address", some(tuple(names)), f"all have the address {ip}", hint)


def _unreached(view: View) -> Iterator[Problem]:
    """The other hosts can reach the node at its address. With node_ip, this is a warning: it may be right although a
    ping fails.
    """
    heard = by_address(view.observed.ways)
    for host in view.cluster.hosts:
        decided = node_address(view, host) if host.name in view.observed.facts else None
        missing = lost(heard.get(decided.ip.ip, {})) if decided else ()
        if decided and missing:
            message = f"{some(missing)} cannot reach it at {decided.ip.ip} ({decided.interface})"
            hint = (
                f"Neither a ping nor port {host.port or SSH_PORT} is answered: allow traffic between the hosts, "
                f"or set node_ip of {host.name} to the right address."
            )
            severity = Severity.WARNING if host.node_ip else Severity.ERROR
            yield Problem("unreached", host.name, message, hint, severity)


def _packets(view: View) -> Iterator[Problem]:
    """Packets of the desired MTU, or of the MTU that was decided, pass between all hosts."""
    network = view.cluster.settings.network
    desired, added = desired_mtu(network), added_bytes(network.type, variant(network))
    for host in view.hosts:
        decided, was = node_address(view, host), _made_for(view)
        if decided and desired and desired + added > decided.mtu:
            packed = f" and {network.type} adds {added} bytes to each packet," if added else ""
            message = f"network.mtu is {desired},{packed} but packets larger than {decided.mtu} bytes do not pass"
            hint = f"Set network.mtu to {decided.mtu - added} or less, or leave it out."
            yield Problem("mtu", host.name, f"{message} between the hosts", hint)
        elif decided and not desired and decided.mtu < was:
            message = f"the path MTU to it is only {decided.mtu}; the cluster was made with {was}"
            hint = f"Allow packets of {was} bytes, or set network.mtu: {decided.mtu - added} for all hosts."
            yield Problem("mtu", host.name, message, hint)


def _made_for(view: View) -> int:
    """The path MTU that the nodes were made with, in bytes; 0 when there are no nodes."""
    states = (state for state in view.observed.states.values() if state.network and is_bound(state))
    return min((state.network.mtu for state in states if state.network), default=0)


def _overlaps(view: View) -> Iterator[Problem]:
    """The networks of pods and Services do not overlap networks that a new node has to reach."""
    known = {host.name: tuple(_known(view.observed.facts[host.name])) for host in view.hosts}
    taken = [network for found in known.values() for network, _ in found]
    fresh = [host for host in view.hosts if not is_bound(view.observed.states[host.name])]
    for name, network in networks(view.cluster):
        others = [other for setting, other in networks(view.cluster) if setting != name]
        hint = f"In the inventory, {suggestion(name, network, [*taken, *others])}."
        for text, hosts in _overlapping(network, fresh, known).items():
            yield Problem("overlapping-network", some(tuple(hosts)), f"{name} {network} overlaps {text}", hint)


def _overlapping(
    network: IPv4Network, hosts: list[Host], known: dict[str, tuple[tuple[IPv4Network, str], ...]]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        for other, text in known[host.name]:
            if network.overlaps(other):
                found[text].append(host.name)
    return found


def _known(facts: HostFacts) -> Iterator[tuple[IPv4Network, str]]:
    """The networks that a host knows, in words; what a network plug-in has left there is ignored."""
    seen = {IPv4Network("127.0.0.0/8")}
    for address in facts.addresses:
        if not address.interface.startswith(PLUGINS) and address.ip.network not in seen:
            seen.add(address.ip.network)
            yield address.ip.network, f"{address.ip.network}, the network of {address.interface}"
    for route in facts.routes:
        ours = route.interface.startswith(PLUGINS) or route.protocol == PROTOCOL
        if not ours and route.destination.prefixlen > _HALF and route.destination not in seen:
            seen.add(route.destination)
            yield route.destination, f"{route.destination}, which is routed through {route.interface or 'no interface'}"


def _room(view: View) -> Iterator[Problem]:
    """The pod network has a pod CIDR for every node, including nodes that are not in the inventory."""
    pods = view.cluster.settings.pod_cidr
    nodes = {host.name for host in view.cluster.hosts} | set(view.observed.live.nodes if view.observed.live else ())
    if len(view.cluster.hosts) <= room(pods) < len(nodes):
        message, hint = too_small(pods, len(nodes))
        yield Problem("small-network", "pod_cidr", message, f"The cluster is full; a new one should {hint}.")


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _named_interface,
    _no_address,
    _contradictions,
    _other_wants,
    _shared,
    _unreached,
    _packets,
    _overlaps,
    _room,
)
