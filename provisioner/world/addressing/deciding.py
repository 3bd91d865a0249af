"""The decision: for each host the address that the others can reach, its interface, and one path MTU for all hosts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

from provisioner.core.names import some
from provisioner.inventory.model import Host
from provisioner.world.addresses import Address
from provisioner.world.addressing.options import Option, Owners, candidates, options, owners, reached, settled
from provisioner.world.network import Decision, Way, Ways
from provisioner.world.view import View

# What was found out about each address, by the host that tried it.
Heard = Mapping[IPv4Address, Mapping[str, Way]]


def decide(view: View) -> dict[str, Decision]:
    """One decision per host that was reached and has an address to choose; what was decided earlier stays."""
    known, heard = owners(view), by_address(view.observed.ways)
    hosts = reached(view)
    kept = {name: decided for name, host in hosts.items() if (decided := settled(view, host))}
    choices = {name: _best(options(view, host, known), heard) for name, host in hosts.items() if name not in kept}
    chosen = {name: choice for name, choice in choices.items() if choice}
    places = {
        **{name: one.ip.ip for name, one in kept.items()},
        **{name: one.address.ip.ip for name, one in chosen.items()},
    }
    sizes = _measured(places, view.observed.ways)
    sizes_known = [*(one.mtu for one in kept.values()), *(one.address.mtu for one in chosen.values()), *sizes]
    mtu = min(sizes_known, default=0)
    return kept | {
        name: Decision(
            one.address.interface,
            one.address.ip,
            mtu,
            (
                one.reason,
                *_reach(heard.get(one.address.ip.ip, {})),
                _why_so_large(mtu, one.address, len(places), measured=bool(sizes)),
                *_passed_over(view, hosts[name], one.address, known, heard),
            ),
        )
        for name, one in chosen.items()
    }


def by_address(ways: Ways) -> Heard:
    """The same results, by the address that was tried."""
    found: dict[IPv4Address, dict[str, Way]] = defaultdict(dict)
    for (name, ip), way in ways.items():
        found[ip][name] = way
    return found


def lost(ways: Mapping[str, Way]) -> tuple[str, ...]:
    """The hosts that have tried and could not reach it."""
    return tuple(sorted(name for name, way in ways.items() if not way.reached))


def _best(found: tuple[Option, ...], heard: Heard) -> Option | None:
    """The first address that every host which tried can reach; else the one that most of them can reach."""
    return min(found, key=lambda one: len(lost(heard.get(one.address.ip.ip, {}))), default=None)


def _measured(places: Mapping[str, IPv4Address], ways: Ways) -> list[int]:
    """The path MTUs between the addresses that will be used, in bytes."""
    used = set(places.values())
    return [way.mtu for (name, ip), way in ways.items() if name in places and ip in used and way.mtu]


def _reach(ways: Mapping[str, Way]) -> tuple[str, ...]:
    missing = lost(ways)
    if not ways:
        return ()
    return (f"{some(missing)} cannot reach it",) if missing else ("all who tried reach it",)


def _why_so_large(mtu: int, address: Address, hosts: int, *, measured: bool) -> str:
    own = f"; {address.interface} itself takes {address.mtu}" if mtu < address.mtu else ""
    if measured:
        return f"packets of {mtu} bytes pass between all machines{own}"
    why = "there is no other machine" if hosts == 1 else "that was not measured (no ping, or no answer to it)"
    return f"packets of {mtu} bytes as the interfaces are set: {why}{own}"


def _passed_over(view: View, host: Host, taken: Address, known: Owners, heard: Heard) -> Iterator[str]:
    """Why no other address of the host was chosen, when there is a reason."""
    for address in candidates(view.observed.facts[host.name]):
        others = tuple(name for name in known[address.ip.ip] if name != host.name)
        missing = lost(heard.get(address.ip.ip, {}))
        if address != taken and (others or missing):
            why = f"{some(others)} have it too" if len(others) > 1 else f"{some(others)} has it too"
            yield f"not {address.interface} {address.ip.ip}: {why if others else f'{some(missing)} cannot reach it'}"
