"""The survey of the network: start the probes, let them and the hosts ask each other, remove them.

The answers are values: one `Reach` for each question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property

from provisioner.core.report import Reach
from provisioner.errors import Problem
from provisioner.verification import probes
from provisioner.verification.kubectl import AskError, Kubectl
from provisioner.verification.paths import NetworkPath
from provisioner.verification.walk import Asked, Walk


@dataclass(frozen=True)
class Survey:
    """The answers.

    `missing` are nodes without a probe, with the reason; `pod_ips` the others' by node; `causes` what on the hosts
    explains failed paths; `trouble` is what stopped the survey early; `idle` is true when there was no node to survey.
    """

    reaches: tuple[Reach, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    pod_ips: Mapping[str, str] = field(default_factory=dict)
    causes: tuple[Problem, ...] = ()
    trouble: str = ""
    idle: bool = False

    def by(self, path: NetworkPath, source: str) -> tuple[Reach, ...]:
        """The answers that node got on that path."""
        return self._grouped.get((path, source), ())

    @cached_property
    def _grouped(self) -> Mapping[tuple[str, str], tuple[Reach, ...]]:
        """A hundred nodes have ten thousand answers and more: they are sorted once."""
        found: dict[tuple[str, str], tuple[Reach, ...]] = {}
        for reach in self.reaches:
            key = (reach.path, reach.source)
            found[key] = (*found.get(key, ()), reach)
        return found


def take(
    kubectl: Kubectl,
    asked: Asked,
    say: Callable[[str], None],
    turn: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Survey:
    """The whole survey, when it is its `turn`; what goes wrong is in the result, and the probes are always removed."""
    if not asked.nodes:
        return Survey(idle=True)
    survey = Survey()
    try:
        with turn(), probes.running(kubectl, asked.nodes, say, asked.image) as started:
            pod_ips = {pod.node: pod.ip for pod in started.pods}
            survey = Survey(Walk(kubectl, asked, started).reaches(), started.missing, pod_ips)
            say("the deletion of the probes' namespace")
    except AskError as error:
        survey = replace(survey, trouble=str(error))
    return survey
