"""What must be true of the machines before anything is touched: rules over facts, each with a way out."""

from __future__ import annotations

from provisioner.core.play import View
from provisioner.errors import Problem
from provisioner.preflight import cluster, machines, networks, runtimes, sources, versions


def rules(view: View) -> tuple[Problem, ...]:
    """All findings at once."""
    every = (*machines.RULES, *versions.RULES, *runtimes.RULES, *cluster.RULES, *networks.RULES, *sources.RULES)
    return tuple(problem for rule in every for problem in rule(view))
