"""The plan of a whole run: what every play wishes for every host, and what is to be done for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from provisioner.core.plan import Plan, PlayPlan, Step, fold
from provisioner.core.report import Listener
from provisioner.core.resource import Resource
from provisioner.engine.gathering import Seen, answers
from provisioner.engine.guard import for_each
from provisioner.errors import ProvisionerError
from provisioner.plays.play import Playbook
from provisioner.world.view import View


@dataclass(frozen=True, slots=True)
class Wish:
    """What one play wishes for one host."""

    play: str
    host: str
    resources: tuple[Resource, ...]


def wished(playbook: Playbook, view: View) -> tuple[Wish, ...]:
    """What all plays wish, in their order. Computed once per look, as it costs most of a plan."""
    return tuple(
        Wish(play.title, host.name, play.desired(view, host)) for play in playbook for host in play.hosts(view)
    )


def by_host(wishes: Iterable[Wish]) -> dict[str, list[Wish]]:
    """The same, host by host."""
    found: dict[str, list[Wish]] = {}
    for wish in wishes:
        found.setdefault(wish.host, []).append(wish)
    return found


def planned(
    playbook: Playbook, left_out: AbstractSet[str], wishes: Iterable[Wish], seen: Seen, listen: Listener
) -> tuple[Plan, Plan, dict[str, ProvisionerError]]:
    """What is to be done, what would be in plays that are left out, and the hosts whose answers cannot be compared."""
    own = by_host(wishes)
    steps = for_each(own, partial(_steps, own, left_out, seen), listen)
    by_play: dict[str, list[Step]] = {play.title: [] for play in playbook}
    for wish in wishes:
        by_play[wish.play] += steps.good.get(wish.host, {}).get(wish.play, ())
    plays = [PlayPlan(title, tuple(found)) for title, found in by_play.items()]
    kept = Plan(tuple(play for play in plays if play.title not in left_out))
    return kept, Plan(tuple(play for play in plays if play.title in left_out and play.steps)), steps.bad


def _steps(
    wishes: Mapping[str, list[Wish]], left_out: AbstractSet[str], seen: Seen, host: str
) -> dict[str, tuple[Step, ...]]:
    """The steps for one host by the title of their play."""
    changed: set[str] = set()
    found = {}
    for wish in wishes[host]:
        # What is not going to change makes nothing below it follow.
        above = set(changed) if wish.play in left_out else changed
        found[wish.play] = fold(host, wish.resources, answers(wish.resources, seen.get(host, {})), above)
    return found
