"""What must be true of the network decision, and of the cluster's networks beside those that the machines know."""

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
from provisioner.inventory.networks import variant, wished_mtu
from provisioner.inventory.ssh import SSH_PORT
from provisioner.networks.bridge import PROTOCOL
from provisioner.world.addressing.deciding import by_address, lost
from provisioner.world.addressing.options import PLUGINS, is_bound
from provisioner.world.derived import node_address
from provisioner.world.facts import HostFacts
from provisioner.world.network import RECORD
from provisioner.world.view import View

# VPNs write the way to everywhere as two halves, which are a little better than the way that was there.
_HALF = 1
_MOVED = (
    "Give it back what it had. To let the node move: `kubectl delete node`, `kubeadm reset` there, remove "
    f"{RECORD} there, and apply again."
)


def _named_interface(view: View) -> Iterator[Problem]:
    """An interface that the inventory names is there."""
    missing: dict[str, list[str]] = defaultdict(list)
    for host in view.hosts:
        if host.node_interface and host.node_interface not in _interfaces(view.observed.facts[host.name]):
            missing[host.node_interface].append(host.name)
    for name, hosts in missing.items():
        there = sorted({one for host in hosts for one in _interfaces(view.observed.facts[host])})
        nobody = not any(name in _interfaces(facts) for facts in view.observed.facts.values())
        message = f"no machine has an interface {name}" if nobody else f"there is no interface {name} with an address"
        hint = f"There is {', '.join(there)}: correct node_interface, or leave it out to have it measured."
        yield Problem("node-interface", some(tuple(hosts)), message, hint)


def _interfaces(facts: HostFacts) -> tuple[str, ...]:
    found = (address.interface for address in facts.addresses if not address.ip.is_loopback)
    return tuple(dict.fromkeys(found))


def _no_address(view: View) -> Iterator[Problem]:
    for host in view.hosts:
        named = host.node_interface and host.node_interface not in _interfaces(view.observed.facts[host.name])
        if node_address(view, host) is None and not named:
            wish = f"has no interface with its node_ip {host.node_ip}" if host.node_ip else "has no address of its own"
            yield Problem(
                "node-address", host.name, wish, "Set node_ip at the host to an address the other machines reach."
            )


def _contradictions(view: View) -> Iterator[Problem]:
    """What was decided and built upon still holds; nothing of it is changed behind anybody's back."""
    for host in view.hosts:
        decided = view.observed.states[host.name].network
        if decided is None or not is_bound(view.observed.states[host.name]):
            continue
        was = f"was made with {decided.ip.ip} on {decided.interface}"
        facts = view.observed.facts[host.name]
        now = facts.interface_of(decided.ip.ip)
        if now is None:
            rest = [str(address.ip.ip) for address in facts.addresses if address.interface == decided.interface]
            found = f"{decided.interface} has {', '.join(rest)} now" if rest else f"{decided.interface} is not there"
            yield Problem("network-changed", host.name, f"{was}, and {found}", _MOVED)
        elif now.interface != decided.interface:
            yield Problem("network-changed", host.name, f"{was}, and that address is on {now.interface} now", _MOVED)
        elif now.mtu < decided.mtu:
            message = f"{was} and packets of {decided.mtu} bytes, and the interface takes only {now.mtu} now"
            hint = f"ip link set {decided.interface} mtu {decided.mtu}, and make that last; or set network.mtu."
            yield Problem("network-changed", host.name, message, hint, Severity.WARNING)


def _other_wishes(view: View) -> Iterator[Problem]:
    """What the inventory says now is what the node was made with."""
    for host in view.hosts:
        decided = node_address(view, host)
        if decided is None or not is_bound(view.observed.states[host.name]):
            continue
        pairs = (("node_ip", host.node_ip, decided.ip.ip), ("node_interface", host.node_interface, decided.interface))
        for name, wish, is_now in pairs:
            if wish not in (None, is_now):
                message = f"was made with {decided.ip.ip} on {decided.interface}, and the inventory wants {name} {wish}"
                yield Problem("network-wish", host.name, message, _MOVED)


def _shared(view: View) -> Iterator[Problem]:
    """Two machines that are known under one address are none."""
    owners: dict[str, list[str]] = defaultdict(list)
    for host in view.hosts:
        if decided := node_address(view, host):
            owners[str(decided.ip.ip)].append(host.name)
    for ip, names in owners.items():
        if len(names) > 1:
            hint = "Give each its own; or name another with node_ip."
            yield Problem("shared-address", some(tuple(names)), f"all have the address {ip}", hint)


def _unreached(view: View) -> Iterator[Problem]:
    """The others reach the node where they will look for it; who says so by hand may know better than a ping."""
    heard = by_address(view.observed.ways)
    for host in view.cluster.hosts:
        decided = node_address(view, host) if host.name in view.observed.facts else None
        missing = lost(heard.get(decided.ip.ip, {})) if decided else ()
        if decided and missing:
            message = f"{some(missing)} cannot reach it at {decided.ip.ip} ({decided.interface})"
            hint = (
                f"Neither a ping nor port {host.port or SSH_PORT} is answered: let the machines through to each other, "
                f"or set node_ip at {host.name} to the address that is right."
            )
            severity = Severity.WARNING if host.node_ip else Severity.ERROR
            yield Problem("unreached", host.name, message, hint, severity)


def _packets(view: View) -> Iterator[Problem]:
    """The largest packets that are wished for, or were decided on, pass everywhere."""
    network = view.cluster.settings.network
    wished, added = wished_mtu(network), added_bytes(network.type, variant(network))
    for host in view.hosts:
        decided, was = node_address(view, host), _made_for(view)
        if decided and wished and wished + added > decided.mtu:
            packed = f" and {network.type} adds {added} to each," if added else ""
            message = f"network.mtu is {wished},{packed} and larger packets than {decided.mtu} do not pass"
            hint = f"Set network.mtu to {decided.mtu - added} or less, or leave it out."
            yield Problem("mtu", host.name, f"{message} between the machines", hint)
        elif decided and not wished and decided.mtu < was:
            message = f"packets of {decided.mtu} bytes pass to it and no larger ones; the cluster was made with {was}"
            hint = f"Let packets of {was} bytes through, or set network.mtu: {decided.mtu - added} for all."
            yield Problem("mtu", host.name, message, hint)


def _made_for(view: View) -> int:
    """The largest packet that the nodes were made for, in bytes; 0 where there are none."""
    states = (state for state in view.observed.states.values() if state.network and is_bound(state))
    return min((state.network.mtu for state in states if state.network), default=0)


def _overlaps(view: View) -> Iterator[Problem]:
    """Pods and Services have networks that a machine which becomes a node reaches nothing else in."""
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
    """The networks that a machine knows, in words; what a network plug-in has left there counts for nothing."""
    seen = {IPv4Network("127.0.0.0/8")}
    for address in facts.addresses:
        if not address.interface.startswith(PLUGINS) and address.ip.network not in seen:
            seen.add(address.ip.network)
            yield address.ip.network, f"{address.ip.network}, the network of {address.interface}"
    for route in facts.routes:
        ours = route.interface.startswith(PLUGINS) or route.protocol == PROTOCOL
        if not ours and route.destination.prefixlen > _HALF and route.destination not in seen:
            seen.add(route.destination)
            yield route.destination, f"{route.destination}, to which there is a route by {route.interface or 'nothing'}"


def _room(view: View) -> Iterator[Problem]:
    """The pods' network has a part for every node, those besides the inventory's included."""
    pods = view.cluster.settings.pod_cidr
    nodes = {host.name for host in view.cluster.hosts} | set(view.observed.live.nodes if view.observed.live else ())
    if len(view.cluster.hosts) <= room(pods) < len(nodes):
        message, hint = too_small(pods, len(nodes))
        yield Problem("small-network", "pod_cidr", message, f"The cluster is full; a new one should {hint}.")


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (
    _named_interface,
    _no_address,
    _contradictions,
    _other_wishes,
    _shared,
    _unreached,
    _packets,
    _overlaps,
    _room,
)
