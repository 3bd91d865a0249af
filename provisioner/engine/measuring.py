"""Measuring: the hosts try to reach each other, once per run, and only when something has to be decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address

from provisioner.core.command import Command, require_whole
from provisioner.core.report import Listener, PhaseBegan
from provisioner.engine.fleet import Fleet
from provisioner.engine.guard import for_all
from provisioner.errors import ProvisionerError
from provisioner.networks.leftovers import others
from provisioner.transports.protocol import Transport
from provisioner.world.addressing.deciding import decide
from provisioner.world.addressing.reachability import questions
from provisioner.world.measure import read_ways
from provisioner.world.network import Way
from provisioner.world.view import Decided, View


def measured(
    fleet: Fleet, view: View, listen: Listener, *, everything: bool = False
) -> tuple[View, dict[str, ProvisionerError]]:
    """The view with the measurements and decisions; one round trip per host that has to measure; errors by host."""
    view, asked, errors = for_all(view, partial(_questions, everything=everything), listen)
    if asked:
        listen(PhaseBegan("measure the network", tuple(asked)))
        answers = fleet.each(asked, partial(_try_on, asked))
        found = {(host, ip): way for host, told in answers.good.items() for ip, way in told.items()}
        view, errors = view.with_observed(ways={**view.observed.ways, **found}), errors | answers.bad
    view, decisions, undecided = for_all(view, decide, listen)
    return replace(view, decided=Decided(decisions)), errors | undecided


def _questions(view: View, *, everything: bool) -> dict[str, Command]:
    return questions(view, everything=everything, replacing=bool(others(view)))


def _try_on(asked: Mapping[str, Command], host: str, transport: Transport) -> dict[IPv4Address, Way]:
    (result,) = transport.run([asked[host]], stop=False)
    require_whole(host, [result])
    return read_ways(result)
