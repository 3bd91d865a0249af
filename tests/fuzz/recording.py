"""Real questions with real answers: those of whole runs on simulated machines, and those of the tables of cases."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from inspect import getmembers, isclass, isfunction
from unittest.mock import patch

import provisioner
from provisioner.core.command import Command, Result
from provisioner.core.plan import Step, fold
from provisioner.core.resource import Resource
from tests.cases.test_resources import KINDS
from tests.fake import programs
from tests.fake.world import World
from tests.scenarios.sweep import SCENARIOS, hosts

# Packages whose modules run something when they are imported, or belong to another process.
_NOT_LOOKED_THROUGH = ("provisioner.verification", "provisioner.__main__")


def resource_types() -> set[type]:
    """Every class that has a probe and a diff, wherever it is."""
    names = [found.name for found in pkgutil.walk_packages(provisioner.__path__, "provisioner.")]
    modules = [import_module(name) for name in names if not name.startswith(_NOT_LOOKED_THROUGH)]
    found = {one for module in modules for _, one in getmembers(module, isclass) if one.__module__ == module.__name__}
    return {one for one in found if isfunction(getattr(one, "probe", None)) and isfunction(getattr(one, "diff", None))}


@cache
def _recorded() -> tuple[dict[tuple[type, str, str], Resource], dict[tuple[str, str], None]]:
    """Each resource with each answer to its probe, and each answer to each question of a run, by its name."""
    wants = {(type(case.want), case.want.key, case.seen): case.want for cases in KINDS.values() for case in cases}
    answers: dict[tuple[str, str], None] = {}

    def compare(
        subject: str, resources: Iterable[Resource], seen: Mapping[str, Result], changed: set[str], at: str = ""
    ) -> tuple[Step, ...]:
        resources = tuple(resources)
        wants.update({(type(one), one.key, seen[one.key].stdout): one for one in resources})
        return fold(subject, resources, seen, changed, at)

    def listen(machine: str, command: Command, result: Result) -> Result:
        answers[programs.name_of(command), result.stdout] = None
        return result

    with patch("provisioner.engine.applying.fold", compare), patch("provisioner.engine.planning.fold", compare):
        for make in SCENARIOS.values():
            world: World = make()
            world.twist = listen
            assert world.apply().errors == {}
    return wants, answers


def wants() -> dict[type, list[tuple[Resource, str]]]:
    """Resources with the answers to their probes, by type."""
    found: dict[type, list[tuple[Resource, str]]] = {}
    for (kind, _, seen), want in _recorded()[0].items():
        found.setdefault(kind, []).append((want, seen))
    return found


def questions() -> list[str]:
    """The names of all scripts that a bring-up runs on a worker; nothing for the programs that it calls."""
    names: dict[str, None] = {}
    world = World(hosts(1))
    world.twist = lambda machine, command, result: (
        (names.setdefault(programs.name_of(command)) if machine == "w1" else None) or result
    )
    assert world.apply().errors == {}
    return sorted(names)


def answers(name: str) -> list[str]:
    """What simulated machines have answered to the script of that name."""
    return [said for asked, said in _recorded()[1] if asked == name]
