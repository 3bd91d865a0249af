"""What must be true of the hosts before anything is changed: rules over facts, each with a hint what to do."""

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
    """All findings for a run that removes another network: that network is not a finding then."""
    return tuple(problem for rule in (*_ALWAYS, *networks.EVERY, *networks.REPLACING) for problem in rule(view))
