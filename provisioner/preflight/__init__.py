"""What must be true of the machines before anything is touched: rules over facts, each with a way out."""

from __future__ import annotations

from provisioner.errors import Problem
from provisioner.preflight import (
    addresses,
    answers,
    cluster,
    leftovers,
    machines,
    networks,
    ports,
    runtimes,
    sources,
    versions,
)
from provisioner.world.view import View

_OF_MACHINES = (*machines.RULES, *versions.RULES, *runtimes.RULES)
_ALWAYS = (
    *_OF_MACHINES,
    *leftovers.RULES,
    *cluster.RULES,
    *answers.RULES,
    *addresses.RULES,
    *ports.RULES,
    *sources.RULES,
    *sources.WARNINGS,
)


def rules(view: View) -> tuple[Problem, ...]:
    """All findings at once."""
    return tuple(problem for rule in (*_ALWAYS, *networks.RULES) for problem in rule(view))


def replacing_rules(view: View) -> tuple[Problem, ...]:
    """All findings for a run that takes another network away, for which that one is no finding."""
    return tuple(problem for rule in (*_ALWAYS, *networks.EVERY, *networks.REPLACING) for problem in rule(view))
