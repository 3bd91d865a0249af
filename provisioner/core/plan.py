"""The plan: what was desired and what was seen, folded in order into the steps that make them equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import ndiff

from provisioner.core.command import Result
from provisioner.core.resource import Change, Resource
from provisioner.errors import Problem

# How many lines of a difference are worth showing.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One change. `subject` is what it is about, a host or a node: when it fails, that one has failed. Its commands run
    on the subject itself, or `at` another host.
    """

    subject: str
    key: str
    change: Change
    at: str = ""

    @property
    def place(self) -> str:
        """The host on which its commands run."""
        return self.at or self.subject


@dataclass(frozen=True, slots=True)
class PlayPlan:
    """The steps of one play, subject by subject, in order; `batch` are the subjects that go through several plays
    together, before the next ones, and empty where all have their turn at once.
    """

    title: str
    steps: tuple[Step, ...]
    batch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of every play, in order."""

    plays: tuple[PlayPlan, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all plays."""
        return tuple(step for play in self.plays for step in play.steps)


def together(plays: Iterable[PlayPlan]) -> tuple[PlayPlan, ...]:
    """The same plays of several batches as one, in the order in which they come first."""
    found: dict[str, list[Step]] = {}
    for play in plays:
        found.setdefault(play.title, []).extend(play.steps)
    return tuple(PlayPlan(title, tuple(steps)) for title, steps in found.items() if steps)


def differences(agreed: Plan, now: Plan) -> tuple[Problem, ...]:
    """What a plan made now would do beyond the plan that was agreed to; hosts with the same difference together.

    Steps that are already done do not count: a killed run of the agreed plan can be continued.
    """
    allowed = _by_place(agreed)
    found: dict[str, list[str]] = {}
    for (play, host, key), change in _by_place(now).items():
        if not _covers(allowed.get((play, host, key)), change):
            found.setdefault(_difference(allowed.get((play, host, key)), change), []).append(host)
    return tuple(Problem("plan-changed", ", ".join(dict.fromkeys(hosts)), what) for what, hosts in found.items())


def done_already(agreed: Plan, now: Plan) -> tuple[Step, ...]:
    """The steps of the agreed plan that are no longer needed."""
    left = _by_place(now)
    steps = ((play.title, step) for play in agreed.plays for step in play.steps)
    return tuple(step for title, step in steps if (title, step.subject, step.key) not in left)


def _by_place(plan: Plan) -> dict[tuple[str, str, str], Change]:
    return {(play.title, step.subject, step.key): step.change for play in plan.plays for step in play.steps}


def _covers(agreed: Change | None, now: Change) -> bool:
    """What was not known yet covers every outcome. Commands are not compared: their tokens and times differ."""
    if agreed is None:
        return now.own
    return bool(now.own or agreed.waits_for) or _text(agreed) == _text(now)


def _difference(before: Change | None, after: Change) -> str:
    if before is None:
        return f"{after.summary}: is not in the plan"
    lines = [line for line in ndiff(_text(before), _text(after)) if line[:1] in "+-"]
    shown = "; ".join(lines[:_SHOWN]) + ("; …" if len(lines) > _SHOWN else "")
    return f"{after.summary}: differs from the change in the plan: {shown}"


def _text(change: Change) -> list[str]:
    return [change.summary, *change.diff.splitlines(), change.waits_for]


def fold(
    subject: str, resources: Iterable[Resource], seen: Mapping[str, Result], changed: set[str], at: str = ""
) -> tuple[Step, ...]:
    """The steps for one subject. `changed` collects the keys that change, so that what depends on them follows."""
    steps = []
    for resource in resources:
        change = resource.diff(seen[resource.key], changed)
        if change is not None:
            changed.add(resource.key)
            steps.append(Step(subject, resource.key, change, at))
    return tuple(steps)
