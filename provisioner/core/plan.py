"""The plan: what was wished and what was seen, folded in order into the steps that make them equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provisioner.core.command import Result
from provisioner.core.resource import Change, Resource


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


def fold(host: str, resources: Iterable[Resource], seen: Mapping[str, Result], changed: set[str]) -> tuple[Step, ...]:
    """The steps for one host. `changed` collects the keys that change, so that what depends on them follows."""
    steps = []
    for resource in resources:
        change = resource.diff(seen[resource.key], changed)
        if change is not None:
            changed.add(resource.key)
            steps.append(Step(host, resource.key, change))
    return tuple(steps)
