"""The plan of a whole run: what every play wants on every host, and what is to be done for it."""

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
class Desired:
    """What one play wants on one host."""

    play: str
    host: str
    resources: tuple[Resource, ...]


def desired(playbook: Playbook, view: View) -> tuple[Desired, ...]:
    """What all plays want, in their order. Computed once per look, as it costs most of a plan."""
    return tuple(
        Desired(play.title, host.name, play.desired(view, host)) for play in playbook for host in play.hosts(view)
    )


def by_host(wants: Iterable[Desired]) -> dict[str, list[Desired]]:
    """The same, host by host."""
    found: dict[str, list[Desired]] = {}
    for want in wants:
        found.setdefault(want.host, []).append(want)
    return found


def planned(
    playbook: Playbook, left_out: AbstractSet[str], wants: Iterable[Desired], seen: Seen, listen: Listener
) -> tuple[Plan, Plan, dict[str, ProvisionerError]]:
    """What is to be done, what would be in plays that are left out, and the hosts whose answers cannot be compared."""
    own = by_host(wants)
    steps = for_each(own, partial(_steps, own, left_out, seen), listen)
    by_play: dict[str, list[Step]] = {play.title: [] for play in playbook}
    for want in wants:
        by_play[want.play] += steps.good.get(want.host, {}).get(want.play, ())
    plays = [PlayPlan(title, tuple(found)) for title, found in by_play.items()]
    kept = Plan(tuple(play for play in plays if play.title not in left_out))
    return kept, Plan(tuple(play for play in plays if play.title in left_out and play.steps)), steps.bad


def _steps(
    wants: Mapping[str, list[Desired]], left_out: AbstractSet[str], seen: Seen, host: str
) -> dict[str, tuple[Step, ...]]:
    """The steps for one host by the title of their play."""
    changed: set[str] = set()
    found = {}
    for want in wants[host]:
        # A step that is left out does not cause other steps.
        above = set(changed) if want.play in left_out else changed
        found[want.play] = fold(host, want.resources, answers(want.resources, seen.get(host, {})), above)
    return found
