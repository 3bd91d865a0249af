"""Asking the package sources: each host that needs something asks its own sources, once per run, without changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from provisioner.core.command import Command, require_whole
from provisioner.core.report import Listener, PhaseBegan
from provisioner.engine.fleet import Fleet
from provisioner.engine.guard import for_each
from provisioner.errors import ProvisionerError
from provisioner.sources.asking import pinned_answers, questions, read_answer
from provisioner.transports.protocol import Transport
from provisioner.world.offers import Answer
from provisioner.world.view import View


def ask(
    fleet: Fleet, view: View, listen: Listener, *, everything: bool = False
) -> tuple[View, dict[str, ProvisionerError]]:
    """What the sources offer, for the hosts that need to know; errors by host.

    A lock file answers instead of the sources. With `everything`, all sources are asked, whatever is known already.
    """
    known = {} if everything else {**pinned_answers(view), **view.observed.answers}
    view = view.with_observed(answers=known)
    hosts = {host.name: host for host in view.hosts}
    needed = for_each(hosts, lambda name: questions(view, hosts[name], everything=everything), listen)
    asked = {host: commands for host, commands in needed.good.items() if commands}
    if not asked:
        return view, needed.bad
    listen(PhaseBegan("ask the package sources", tuple(asked)))
    answers = fleet.each(asked, partial(_ask_on, asked))
    found = {(host, product): answer for host, told in answers.good.items() for product, answer in told.items()}
    return view.with_observed(answers={**known, **found}), needed.bad | answers.bad


def _ask_on(asked: Mapping[str, Mapping[str, Command]], host: str, transport: Transport) -> dict[str, Answer]:
    commands = asked[host]
    results = transport.run(tuple(commands.values()), stop=False)
    require_whole(host, results)
    return {product: read_answer(result) for product, result in zip(commands, results, strict=True)}
