"""The plan: what was wished and what was seen, folded in order into the steps that make them equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import ndiff

from provisioner.core.command import Result
from provisioner.core.resource import Change, Resource
from provisioner.errors import Problem


@dataclass(frozen=True, slots=True)
class Step:
    """One change on one host."""

    host: str
    key: str
    change: Change


@dataclass(frozen=True, slots=True)
class PlayPlan:
    """The steps of one play, host by host, in order."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of every play, in order."""

    plays: tuple[PlayPlan, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all plays."""
        return tuple(step for play in self.plays for step in play.steps)


def differences(agreed: Plan, now: Plan) -> tuple[Problem, ...]:
    """What a plan made now would do other than the one that was agreed on, step by step."""
    before, after = _by_place(agreed), _by_place(now)
    places = dict.fromkeys([*before, *after])
    return tuple(
        Problem("plan-changed", place[1], _difference(before.get(place), after.get(place)))
        for place in places
        if _shown(before.get(place)) != _shown(after.get(place))
    )


def _by_place(plan: Plan) -> dict[tuple[str, str, str], Change]:
    return {(play.title, step.host, step.key): step.change for play in plan.plays for step in play.steps}


def _shown(change: Change | None) -> tuple[str, str, str] | None:
    """What people have agreed on: tokens and times in the commands differ from run to run."""
    return (change.summary, change.diff, change.waits_for) if change else None


def _difference(before: Change | None, after: Change | None) -> str:
    if after is None:
        return f"{before.summary if before else ''}: is not to be done any more"
    if before is None:
        return f"{after.summary}: was not to be done then"
    lines = [*ndiff(_text(before), _text(after))]
    return f"{after.summary}: has changed: " + "; ".join(line for line in lines if line[:1] in "+-")


def _text(change: Change) -> list[str]:
    return [change.summary, *change.diff.splitlines(), change.waits_for]


def fold(host: str, resources: Iterable[Resource], seen: Mapping[str, Result], changed: set[str]) -> tuple[Step, ...]:
    """The steps for one host. `changed` collects the keys that change, so that what depends on them follows."""
    steps = []
    for resource in resources:
        change = resource.diff(seen[resource.key], changed)
        if change is not None:
            changed.add(resource.key)
            steps.append(Step(host, resource.key, change))
    return tuple(steps)
