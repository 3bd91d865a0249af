"""How a run ends for the user who started it: the exit code, one screen of errors, and who is not converged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner.engine import loop
from provisioner.engine.session import Session
from provisioner.errors import StepError, UnreachableError
from tests import builders
from tests.fake.world import World
from tests.unit.cli.conftest import GOOD, Call, Said, write

SCREEN_LINES = 40


@pytest.fixture
def world(call: Call, monkeypatch: pytest.MonkeyPatch) -> World:
    """Simulated machines behind `provisioner apply`."""
    write("inventory.yaml", GOOD.replace("nowhere-bundle", "auto"))
    made = World(builders.cluster())
    apply = loop.apply

    @contextmanager
    def session(*arguments: object) -> Iterator[Session]:
        yield made.begin()

    monkeypatch.setattr("provisioner.cli.work.open_session", session)
    monkeypatch.setattr(
        "provisioner.engine.loop.apply", lambda run, view, ground, agreed: apply(run, view, made, agreed)
    )
    monkeypatch.setattr("provisioner.cli.work._bring_home", lambda session, outcome, told: outcome)
    return made


def not_converged(said: Said) -> list[str]:
    """The machines that the report names."""
    return [line.split()[1] for line in said.out.splitlines() if "is not converged" in line]


def test_all_is_well(call: Call, world: World) -> None:
    said = call("apply")
    assert (said.code, said.err, not_converged(said)) == (0, "", [])
    assert call("apply").code == 0


def test_what_fails_on_several_machines_in_the_same_way_is_told_once(call: Call, world: World) -> None:
    for name in ("w1", "w2"):
        world.machines[name].trouble["apt-get"] = 100
    said = call("apply")
    assert said.code == StepError.exit_code
    (error,) = [line for line in said.err.splitlines() if line.startswith("error")]
    assert error.startswith("error w1, w2: install ")
    assert "w1 says:" in said.err
    assert not_converged(said) == ["w1", "w2"]
    assert len(said.err.splitlines()) < SCREEN_LINES


def test_different_errors_are_all_told(call: Call, world: World) -> None:
    world.machines["w1"].trouble["modprobe"] = 1
    world.machines["w2"].up = False
    said = call("apply")
    assert said.code == UnreachableError.exit_code, "that of the first"
    assert len([line for line in said.err.splitlines() if line.startswith("error")]) == 2
    assert not_converged(said) == ["w1", "w2"]


def test_when_the_leader_fails_all_who_wait_for_it_are_named(call: Call, world: World) -> None:
    world.machines["cp1"].trouble["--skip-token-print"] = 1
    said = call("apply")
    assert said.code == StepError.exit_code
    assert not_converged(said) == ["cp1", "w1", "w2"]
    assert "step(s) to go" in said.out


def test_ctrl_c_says_who_has_how_far_to_go(call: Call, world: World) -> None:
    def interrupt(host: str) -> None:
        if world.transports["w1"].done and not world.transports["w1"].done[-1].startswith("left"):
            world.on_moment = lambda name: None
            raise KeyboardInterrupt

    world.on_moment = interrupt
    said = call("apply")
    assert said.code == 130
    assert "run the same command again" in said.err
    assert not_converged(said) == ["cp1", "w1", "w2"]


def test_for_programs_the_report_comes_last(call: Call, world: World) -> None:
    world.machines["w1"].trouble["apt-get"] = 100
    said = call("apply", "--json")
    assert said.code == StepError.exit_code
    *events, report = [json.loads(line) for line in said.out.splitlines()]
    assert [event["event"] for event in events if event["event"] == "error"] == ["error"]
    assert report["result"] == "failed"
    assert [name for name, told in report["hosts"].items() if told.get("failed") or told.get("left")] == ["w1"]


@pytest.fixture
def looked_at(call: Call, monkeypatch: pytest.MonkeyPatch) -> World:
    """Simulated machines behind `provisioner facts`, of which one does not answer."""
    write("inventory.yaml", GOOD.replace("nowhere-bundle", "auto"))
    made = World(builders.cluster())
    made.machines["w1"].up = False

    @contextmanager
    def session(*arguments: object, **options: object) -> Iterator[Session]:
        yield made.begin()

    monkeypatch.setattr("provisioner.cli.reading.open_session", session)
    return made


def test_facts_name_who_did_not_answer(call: Call, looked_at: World) -> None:
    said = call("facts")
    assert said.code == UnreachableError.exit_code
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith(("cp", "w"))] == ["cp1", "w2"]
    assert [line for line in said.err.splitlines() if line.startswith("error")] == [
        "error w1: nothing answers at that port"
    ]


def test_facts_name_who_did_not_answer_in_json_too(call: Call, looked_at: World) -> None:
    said = call("facts", "--json")
    assert said.code == UnreachableError.exit_code
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["host"] for line in lines if "host" in line] == ["cp1", "w2"]
    assert [line["message"] for line in lines if line.get("event") == "error"] == ["w1: nothing answers at that port"]
