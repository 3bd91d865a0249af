"""What must be true of the ports between the hosts: no other program uses them, and packets to them arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from provisioner.catalog.networks import KUBERNETES_PORTS, PORTS, Port, ports
from provisioner.core.names import some
from provisioner.errors import Problem, Severity
from provisioner.inventory.model import Host
from provisioner.inventory.networks import variant
from provisioner.networks.leftovers import others
from provisioner.world.addressing.deciding import by_address
from provisioner.world.derived import node_address
from provisioner.world.network import Passage
from provisioner.world.view import View

# The host that probed, and the host that it probed.
Pairs = tuple[tuple[str, str], ...]


def _taken(view: View) -> Iterator[Problem]:
    network = view.cluster.settings.network
    mine = {one.number for one in _of_network(view) if one.protocol == "TCP"}
    for host in _fresh(view):
        listening = view.observed.states[host.name].listening
        for port, owner in {port: owner for port, owner in listening if port in mine}.items():
            message = f"port {port} is taken by {owner or 'another program'}"
            yield Problem("port-taken", host.name, message, f"{network.type} needs it: use another port there.")


def _firewall(view: View) -> Iterator[Problem]:
    """A firewall on the host itself, unless port probes have proved that everything passes which it has to allow."""
    network, heard = view.cluster.settings.network, _heard(view)
    for host in _fresh(view):
        firewalls = view.observed.states[host.name].firewalls
        unproved = [port for port in _of_network(view) if not _all_pass(heard[port], host.name)]
        if firewalls and unproved:
            message = f"its firewall ({', '.join(firewalls)}) drops everything that it does not explicitly allow"
            named = ", ".join(f"{port} ({port.why})" for port in unproved)
            hint = f"Allow {named} between the nodes: {network.type} needs it."
            yield Problem("firewall", host.name, message, hint, Severity.WARNING)


def _filtered(view: View) -> Iterator[Problem]:
    for port, found in _heard(view).items():
        if shut := _named(found[Passage.FILTERED]):
            message = f"{port} ({port.why}) does not pass between these hosts, and {port.plug_in} needs it"
            hint = (
                "Allow it: in the cloud's security group, in firewalls between the hosts, and in the firewalls of the "
                "hosts themselves."
            )
            severity = Severity.ERROR if port.vital else Severity.WARNING
            yield Problem("port-filtered", shut, message, hint, severity)


def _unproved(view: View) -> Iterator[Problem]:
    """No answer where a refusal was expected. On a node, a program may listen there and not answer: the plug-in, or the
    old plug-in that it will replace.
    """
    old = {(row.protocol, row.number) for name in others(view) for row in PORTS if row.plug_in == name}
    for port, found in _heard(view).items():
        new = bool(others(view)) and (port.protocol, port.number) not in old
        silent = tuple(pair for pair in found[Passage.SILENT] if new or not view.observed.states[pair[1]].joined)
        if silent:
            message = f"it is unknown whether {port} ({port.why}) passes: there was no answer, not even a refusal"
            hint = (
                f"{port.plug_in} needs it. If nothing drops ICMP there, then something drops {port}: a security "
                "group, or a firewall."
            )
            yield Problem("port-unproved", _named(silent), message, hint, Severity.WARNING)


def _of_network(view: View) -> tuple[Port, ...]:
    network = view.cluster.settings.network
    return ports(network.type, variant(network))


def _fresh(view: View) -> tuple[Host, ...]:
    return tuple(host for host in view.hosts if not view.observed.states[host.name].joined)


def _heard(view: View) -> dict[Port, dict[Passage, Pairs]]:
    """The results of the port probes at the addresses in use; a host that cannot be reached is another finding."""
    found: dict[str, dict[Passage, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    ways = by_address(view.observed.ways)
    for name in sorted(view.observed.facts):
        decided = node_address(view, view.cluster.host(name))
        for asker, way in sorted(ways.get(decided.ip.ip, {}).items()) if decided else ():
            for port, passage in way.ports.items() if way.reached else ():
                found[port][passage].append((asker, name))
    every = (*KUBERNETES_PORTS, *_of_network(view))
    return {port: {passage: tuple(found[str(port)][passage]) for passage in Passage} for port in every}


def _all_pass(found: dict[Passage, Pairs], name: str) -> bool:
    """Whether that host was probed, and all probes passed."""
    outcomes = {passage for passage, pairs in found.items() if name in {at for _, at in pairs}}
    return outcomes == {Passage.PASSES}


def _named(pairs: Pairs) -> str:
    return some(tuple(f"{asker} -> {at}" for asker, at in pairs))


MEASURED: tuple[Callable[[View], Iterator[Problem]], ...] = (_filtered, _unproved)
RULES = (_taken, _firewall, *MEASURED)
