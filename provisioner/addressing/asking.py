"""Who tries to reach whom, and where: every pair of a small fleet; of a large one a sample with everyone in it."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.addressing.options import options, owners, settled
from provisioner.core.addresses import Address
from provisioner.core.command import Command
from provisioner.core.facts import HostFacts
from provisioner.core.measure import Target, measure
from provisioner.core.play import View

# Up to so many machines every pair is measured (240 ways); beyond, each tries so many of those that follow it.
SMALL_FLEET = 16
SAMPLE = 8


def questions(view: View, *, everything: bool = False) -> dict[str, Command]:
    """What each machine has to try, by host: nothing where all is decided, or measured already.

    With `everything`, all of it is tried once more.
    """
    names = tuple(sorted(view.facts))
    known, hosts = owners(view), {name: view.cluster.host(name) for name in names}
    found = {name: settled(view, hosts[name]) for name in names}
    tried: dict[str, tuple[Address, ...]] = {
        name: tuple(option.address for option in options(view, hosts[name], known)) for name in names
    }
    tried |= {name: (Address(one.interface, one.ip, one.mtu),) for name, one in found.items() if one}
    open_ = {name for name in names if found[name] is None and name in view.limit}
    wanted: dict[str, list[Target]] = {}
    for name, other in pairs(names):
        for address in tried[other] if everything or {name, other} & open_ else ():
            if everything or (name, address.ip.ip) not in view.ways:
                target = Target(address.ip.ip, _hoped_for(view.facts[name], address), hosts[other].port)
                wanted.setdefault(name, []).append(target)
    return {name: measure(targets) for name, targets in wanted.items()}


def pairs(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Who tries whom, in both directions."""
    reach = len(names) - 1 if len(names) <= SMALL_FLEET else SAMPLE
    for start, name in enumerate(names):
        for step in range(1, reach + 1):
            other = names[(start + step) % len(names)]
            yield name, other
            if len(names) > SMALL_FLEET:
                yield other, name


def _hoped_for(facts: HostFacts, address: Address) -> int:
    """The largest packet that both ends can carry, in bytes, as far as can be told before it is tried."""
    near = [own.mtu for own in facts.addresses if address.ip.ip in own.ip.network]
    return min([address.mtu, *near])
