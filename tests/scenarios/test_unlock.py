"""Showing the run lock of a cluster and removing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli import unlock
from provisioner.core.report import Event, Note
from provisioner.core.untrusted import visible
from provisioner.engine.fleet import Fleet
from provisioner.errors import LockHeldError, StepError, UnreachableError, UsageError
from provisioner.world import lock
from provisioner.world.lock import PATH, STALE_S, Holder
from tests.builders import cluster
from tests.conftest import Tally
from tests.fake.world import World

HOLDER = Holder("run9", "ben", "tower", "apply", 1_800_000_000)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path))
    made = World(cluster())
    made.plan()
    return made


@pytest.fixture
def held(world: World) -> World:
    """Another run holds the lock."""
    world.transports["cp1"].run([lock.take(HOLDER)])
    return world


def unlocked(world: World, *, yes: bool = False, may_ask: bool = False) -> list[str]:
    """What it says."""
    said: list[Event] = []
    try:
        unlock.unlock_on(Fleet(world.transports, world.executor), ["cp1"], said.append, yes=yes, may_ask=may_ask)
    finally:
        world.heard = said
    return [event.text for event in said if isinstance(event, Note)]


def test_no_run_holds_it(world: World) -> None:
    assert unlocked(world) == ["no run holds the run lock of this cluster"]


def test_a_run_at_work_keeps_its_lock_and_is_named(held: World) -> None:
    with pytest.raises(LockHeldError) as error:
        unlocked(held, may_ask=True)
    assert "--yes" in error.value.hint
    (note,) = held.heard
    assert isinstance(note, Note)
    assert note.text.startswith("cp1: ben on tower (apply), since ")
    assert note.text.endswith(": at work")
    assert PATH in held.machines["cp1"].files


def test_with_yes_it_is_removed_all_the_same(held: World) -> None:
    assert unlocked(held, yes=True)[-1] == "cp1: the run lock is removed"
    assert PATH not in held.machines["cp1"].files


def test_a_dead_one_is_not_removed_unasked(held: World) -> None:
    held.pass_time(STALE_S + 1)
    with pytest.raises(UsageError, match="there is no terminal to ask on") as error:
        unlocked(held)
    assert "unlock --yes" in error.value.hint
    assert PATH in held.machines["cp1"].files


@pytest.mark.parametrize("answer", [True, False])
def test_a_dead_one_is_removed_when_that_is_agreed_to(
    held: World, monkeypatch: pytest.MonkeyPatch, *, answer: bool
) -> None:
    monkeypatch.setattr("typer.confirm", lambda question: answer)
    held.pass_time(STALE_S + 1)
    assert "no sign of life for more than 60 s" in unlocked(held, may_ask=True)[0]
    assert (PATH in held.machines["cp1"].files) is not answer


def test_a_run_of_this_machine_that_was_killed_is_known_for_it(held: World, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "run9").touch()
    with pytest.raises(UsageError):
        unlocked(held)
    (note,) = held.heard
    assert isinstance(note, Note)
    assert "a run on this machine that is dead" in note.text


def test_a_run_that_has_taken_it_meanwhile_keeps_it(held: World) -> None:
    moments = iter(range(99))

    def taken(host: str) -> None:
        # The batch that asks has two moments; this is when the next one begins.
        if next(moments) == 2:
            file = held.machines["cp1"].files[PATH]
            file.text = file.text.replace("run9", "run10")

    held.on_moment = taken
    with pytest.raises(LockHeldError, match="has taken the run lock meanwhile"):
        unlocked(held, yes=True)
    assert "run=run10" in held.machines["cp1"].read(PATH)


DAMAGED = ("", "run=\n", "run=run9\nrun=run9\n", "\x1b[2J\x00", "began=" + "9" * 5000)


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_lock_that_cannot_be_read_is_shown_and_removed(held: World, text: str, tally: Tally) -> None:
    tally("hostile inputs tried", 1)
    held.machines["cp1"].put(PATH, text)
    first, last = unlocked(held, yes=True)
    assert first.startswith("cp1: an unknown run (the run lock cannot be read: it ")
    assert visible(first) == first
    assert last == "cp1: the run lock is removed"
    assert PATH not in held.machines["cp1"].files


@pytest.mark.parametrize("how", ["damaged", "ahead of its clock"])
def test_one_that_may_still_be_at_work_is_asked_about(held: World, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr("typer.confirm", lambda question: True)
    file = held.machines["cp1"].files[PATH]
    if how == "damaged":
        file.text = "?"
    else:
        file.written_s += 3600
    assert unlocked(held, may_ask=True)[-1] == "cp1: the run lock is removed"


def test_one_that_was_given_back_meanwhile_is_gone_already(held: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held.pass_time(STALE_S + 1)

    def answered(question: str) -> bool:
        held.machines["cp1"].drop(PATH)
        return True

    monkeypatch.setattr("typer.confirm", answered)
    assert unlocked(held, may_ask=True)[-1] == "cp1: the run lock is gone already"


@pytest.mark.parametrize(("part", "doing"), [("echo free; fi\n)", "read"), ("echo removed", "removed")])
def test_a_machine_that_cannot_do_it_is_named_with_what_it_says(held: World, part: str, doing: str) -> None:
    held.machines["cp1"].trouble[part] = 1
    with pytest.raises(StepError, match=f"cp1: the run lock could not be {doing}") as error:
        unlocked(held, yes=True)
    assert error.value.details == "cp1 cannot do that"
    assert PATH in held.machines["cp1"].files


def test_a_control_plane_that_does_not_answer_is_the_error(held: World) -> None:
    held.machines["cp1"].up = False
    with pytest.raises(UnreachableError, match="cp1: nothing answers"):
        unlocked(held, yes=True)
