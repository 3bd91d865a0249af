"""Which host tries to reach which other host, and where: every pair of a small fleet; in a large fleet a sample with
every host in it, and all pairs with a control plane.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.catalog.networks import KUBERNETES_PORTS, Port, ports
from provisioner.core.command import Command
from provisioner.inventory.model import Host, Role
from provisioner.inventory.networks import variant
from provisioner.inventory.ssh import SSH_PORT
from provisioner.world.addresses import Address
from provisioner.world.addressing.options import options, owners, reached, settled
from provisioner.world.facts import HostFacts
from provisioner.world.measure import Target, measure
from provisioner.world.view import View

# Up to this number of hosts, every pair is measured (240 ways); above it, each tries only so many of its neighbours.
SMALL_FLEET = 16
SAMPLE = 8


def questions(view: View, *, everything: bool = False, replacing: bool = False) -> dict[str, Command]:
    """What each host has to try, by host: nothing when everything is decided and joined, or already measured.

    What a killed run has decided is tried again: preflight may have refused it, and that is not recorded. With
    `everything`, all of it is tried. Ports are probed before a host joins, and when a plug-in is `replacing` another;
    later, a program that listens there may not answer.
    """
    names = tuple(sorted(view.observed.facts))
    known, hosts = owners(view), reached(view)
    found = {name: settled(view, hosts[name]) for name in names}
    tried: dict[str, tuple[Address, ...]] = {
        name: tuple(option.address for option in options(view, hosts[name], known)) for name in names
    }
    tried |= {name: (Address(one.interface, one.ip, one.mtu),) for name, one in found.items() if one}
    fresh = {name for name in names if replacing or not view.observed.states[name].joined}
    open_ = {name for name in names if found[name] is None or name in fresh} & view.limit
    control_planes = frozenset(name for name in names if hosts[name].role is Role.CONTROL_PLANE)
    wanted: dict[str, list[Target]] = {}
    for name, other in pairs(names, control_planes):
        for address in tried[other] if everything or {name, other} & open_ else ():
            if everything or (name, address.ip.ip) not in view.observed.ways:
                probes_ports = everything or bool({name, other} & fresh)
                needs = _needs(view, hosts[name], hosts[other], address) if probes_ports else ()
                mtu, port = _hoped_for(view.observed.facts[name], address), hosts[other].port or SSH_PORT
                target = Target(address.ip.ip, mtu, port, needs)
                wanted.setdefault(name, []).append(target)
    return {name: measure(targets) for name, targets in wanted.items()}


def pairs(names: tuple[str, ...], control_planes: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Which host tries which other, in both directions, each pair once; every host has to reach `control_planes`."""
    small = len(names) <= SMALL_FLEET
    reach = len(names) - 1 if small else SAMPLE
    for start, name in enumerate(names):
        after = [names[(start + step) % len(names)] for step in range(1, reach + 1)]
        before = [names[start - step] for step in range(1, reach + 1)]
        tried = after if small else [*after, *before, *(names if name in control_planes else sorted(control_planes))]
        yield from ((name, other) for other in dict.fromkeys(tried) if other != name)


def _needs(view: View, asker: Host, at: Host, address: Address) -> tuple[Port, ...]:
    """The ports that have to pass from one host to the other."""
    network = view.cluster.settings.network
    near = any(address.ip.ip in own.ip.network for own in view.observed.facts[asker.name].addresses)
    known = (*KUBERNETES_PORTS, *ports(network.type, variant(network)))
    return tuple(port for port in known if port.leads(asker.role, at.role, near=near))


def _hoped_for(facts: HostFacts, address: Address) -> int:
    """The largest path MTU to expect, in bytes, from the MTUs of both ends."""
    near = [own.mtu for own in facts.addresses if address.ip.ip in own.ip.network]
    return min([address.mtu, *near])
