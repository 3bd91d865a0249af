"""A machine that gives an unexpected answer drops out with a message and a traceback; the others go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from provisioner.core.command import Command, Result
from provisioner.core.report import Traced
from provisioner.engine import loop
from provisioner.errors import AnswerError, Problem
from provisioner.preflight import rules
from provisioner.procedures.bring_up import BRING_UP
from provisioner.world.view import View
from tests.fake import programs
from tests.fake.transport import Twist
from tests.fake.world import World


def silent(world: World, machine: str, when: Callable[[], bool] = lambda: True) -> Twist:
    """systemd says nothing of Docker there: not even since when it runs."""

    def twist(name: str, command: Command, result: Result) -> Result:
        asked = programs.name_of(command) == "service" and "docker.service" in command.argv
        return Result(0) if name == machine and asked and when() else result

    return twist


def has_docker(world: World, machine: str) -> Callable[[], bool]:
    return lambda: "docker.io" in world.machines[machine].packages


def nothing_done(world: World) -> bool:
    return not any(done for done in world.done().values())


def kinds(errors: dict[str, Exception]) -> dict[str, type[Exception]]:
    return {host: type(error) for host, error in errors.items()}


def test_an_answer_that_cannot_be_compared_stops_that_machine_alone(world: World) -> None:
    world.twist = silent(world, "w1")
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert kinds({**outcome.errors}) == {"w1": AnswerError}
    assert "w1: the answer of this host could not be processed: KeyError" in outcome.errors["w1"].message
    assert "defect of provisioner" in outcome.errors["w1"].hint
    assert list(world.cluster.nodes) == ["cp1", "w2"]
    assert "w1" not in world.done()
    assert {"services.py" in event.trace for event in world.heard if isinstance(event, Traced)} == {True}


def test_when_it_is_well_again_the_same_command_brings_it_in(world: World) -> None:
    world.twist = silent(world, "w1")
    world.apply()
    again = World(world.desired, world.scene)
    assert again.apply().report.result == "ok"
    assert sorted(again.cluster.nodes) == ["cp1", "w1", "w2"]


def test_a_control_plane_that_cannot_be_understood_ends_the_run_before_anything_is_changed(world: World) -> None:
    world.twist = silent(world, "cp1")
    with pytest.raises(AnswerError, match="cp1: the answer of this host"):
        world.apply()
    assert nothing_done(world)


def test_an_odd_answer_in_the_middle_stops_that_machine_alone(world: World) -> None:
    world.twist = silent(world, "w1", has_docker(world, "w1"))
    outcome = world.apply()
    assert kinds({**outcome.errors}) == {"w1": AnswerError}
    assert outcome.report.hosts["w1"].changed > 0
    assert list(world.cluster.nodes) == ["cp1", "w2"]


def test_when_the_leader_is_odd_in_the_middle_no_host_joins(world: World) -> None:
    world.twist = silent(world, "cp1", has_docker(world, "cp1"))
    outcome = world.apply()
    assert outcome.report.result == "failed"
    assert kinds({**outcome.errors}) == {"cp1": AnswerError}
    assert world.cluster.nodes == {}


def test_facts_that_no_rule_can_judge_stop_the_machine_that_reported_them(world: World) -> None:
    def judge(view: View) -> tuple[Problem, ...]:
        assert all(facts.cpus < 90_000 for facts in view.observed.facts.values())
        return rules(view)

    def twist(name: str, command: Command, result: Result) -> Result:
        return replace(result, stdout=result.stdout.replace("\ncpus=", "\ncpus=9000")) if name == "w1" else result

    world.twist = twist
    session = world.begin(procedure=replace(BRING_UP, rules=judge))
    outcome = loop.apply(session.run, session.view, world)
    assert kinds({**outcome.errors}) == {"w1": AnswerError}
    assert list(world.cluster.nodes) == ["cp1", "w2"]


def test_a_saved_plan_is_not_begun_when_a_machine_cannot_be_understood(world: World) -> None:
    agreed = world.plan().plan
    world.twist = silent(world, "w1")
    with pytest.raises(AnswerError):
        world.apply(agreed)
    assert nothing_done(world)
