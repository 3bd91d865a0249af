"""The plan of a whole run: what every play wants of every subject, and what is to be done for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from provisioner.core.plan import Plan, PlayPlan, Step, fold
from provisioner.core.report import Listener
from provisioner.core.resource import Change, Resource
from provisioner.engine.gathering import Seen, answers
from provisioner.engine.guard import for_each
from provisioner.errors import ProvisionerError
from provisioner.plays.procedure import Batch, Procedure, plays_of, turns
from provisioner.world.view import View


@dataclass(frozen=True, slots=True)
class Desired:
    """What one play wants of one subject, looked at and changed `at` a host; `batch` is whose turn it is."""

    play: str
    subject: str
    at: str
    resources: tuple[Resource, ...]
    batch: Batch = ()

    @property
    def place(self) -> str:
        """The host that is looked at."""
        return self.at or self.subject


def desired(procedure: Procedure, view: View) -> tuple[Desired, ...]:
    """What all plays want, in their order. Computed once per look, as it costs most of a plan."""
    found: list[Desired] = []
    for block in procedure.blocks:
        # Plays are values: the same one in every batch.
        subjects = {play.title: {one.name: one for one in play.subjects(view)} for play in plays_of(block)}
        for batch, play in turns(block, view):
            own, at = subjects[play.title], play.place(view)
            found += [
                Desired(play.title, name, at, play.desired(view, own[name]), batch)
                for name in batch or own
                if name in own
            ]
    return tuple(found)


def by_place(wants: Iterable[Desired]) -> dict[str, list[Resource]]:
    """The resources that are looked at on each host."""
    found: dict[str, list[Resource]] = {}
    for want in wants:
        found.setdefault(want.place, []).extend(want.resources)
    return found


def planned(
    procedure: Procedure, left_out: AbstractSet[str], wants: Iterable[Desired], seen: Seen, listen: Listener
) -> tuple[Plan, Plan, dict[str, ProvisionerError]]:
    """What is to be done, what would be in plays that are left out, and the subjects that cannot be compared."""
    own: dict[str, list[Desired]] = {}
    for want in wants:
        own.setdefault(want.subject, []).append(want)
    steps = for_each(own, partial(_steps, own, left_out, seen), listen)
    found: dict[tuple[str, Batch], list[Step]] = {}
    for want in wants:
        found.setdefault((want.play, want.batch), []).extend(steps.good.get(want.subject, {}).get(want.play, ()))
    plays = [PlayPlan(title, tuple(done), batch) for (title, batch), done in found.items() if done]
    kept = Plan(tuple(play for play in plays if play.title not in left_out))
    return kept, Plan(tuple(play for play in plays if play.title in left_out)), steps.bad


def _steps(
    wants: Mapping[str, list[Desired]], left_out: AbstractSet[str], seen: Seen, subject: str
) -> dict[str, tuple[Step, ...]]:
    """The steps for one subject by the title of their play."""
    changed: set[str] = set()
    planned: dict[str, Change] = {}
    found = {}
    for want in wants[subject]:
        # A step that is left out does not cause other steps.
        above = set(changed) if want.play in left_out else changed
        told = answers(want.resources, seen.get(want.place, {}))
        steps = fold(subject, want.resources, told, above, want.at)
        # What an earlier play does already is done when the turn of a later one comes.
        found[want.play] = tuple(step for step in steps if planned.get(step.key) != step.change)
        if want.play not in left_out:
            planned |= {step.key: step.change for step in steps}
    return found
