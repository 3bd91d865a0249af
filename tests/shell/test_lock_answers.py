"""A lock is ours only where the machine says so, and one that nobody can read is a lock all the same."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from provisioner.core.command import Command, Result
from provisioner.core.report import Event, Found
from provisioner.core.untrusted import visible
from provisioner.engine import marks
from provisioner.engine import run_lock as run_locks
from provisioner.engine.holders import described, is_alive, judged
from provisioner.engine.run_lock import RunLock, asked
from provisioner.errors import LockHeldError, StepError, UnreachableError, UsageError
from provisioner.transports.protocol import Transport
from provisioner.world import lock
from provisioner.world.lock import Holder, Word
from tests.conftest import Tally
from tests.patience import LONGEST_S
from tests.shell.control_planes import OURS, THEIRS, Here, known, quiet, run_lock


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path / "state"))
    made = Here(tmp_path / "provisioner")
    made.directory.mkdir()
    return made


def without(here: Here, program: str) -> None:
    """A machine that lacks a program."""
    directory = here.directory.parent / "programs"
    directory.mkdir()
    for place in ("/bin", "/usr/bin"):
        for found in Path(place).iterdir():
            if found.name != program and not (directory / found.name).is_symlink():
                (directory / found.name).symlink_to(found)
    here.environment["PATH"] = str(directory)


def failing(here: Here, program: str, says: str) -> None:
    """A machine on which a program fails."""
    directory = here.directory.parent / "failing"
    directory.mkdir(exist_ok=True)
    (directory / program).write_text(f"#!/bin/sh\necho '{program}: {says}' >&2\nexit 1\n")
    (directory / program).chmod(0o755)
    here.environment["PATH"] = f"{directory}:{os.environ['PATH']}"


def no_directory(here: Here) -> None:
    here.directory.rmdir()
    here.directory.touch()


def no_base64(here: Here) -> None:
    here.path.touch()
    without(here, "base64")


BROKEN: dict[str, tuple[Callable[[Here], None], str]] = {
    "its directory is a file": (no_directory, "directory"),
    "the file to hold is a directory": (lambda here: here.path.with_suffix(".guard").mkdir(), "directory"),
    "no flock": (lambda here: without(here, "flock"), "flock"),
    "no base64": (no_base64, "base64"),
    "a full disk": (lambda here: (here.directory / "lock.new").symlink_to("/dev/full"), "No space left on device"),
    "a read-only disk": (lambda here: failing(here, "mv", "Read-only file system"), "Read-only file system"),
    "no permission": (lambda here: failing(here, "flock", "Operation not permitted"), "Operation not permitted"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_lock_that_could_not_be_taken_is_nobody_s(here: Here, what: str) -> None:
    damage, said = BROKEN[what]
    damage(here)
    with pytest.raises(StepError, match="cp1: the run lock could not be taken") as error:
        run_lock(here, OURS).__enter__()
    assert said in error.value.details
    assert "Nothing was changed by this run." in error.value.details
    for command in ("df -h", "dmesg", "command -v flock"):
        assert command in error.value.hint


ANSWERS = (
    *("", "renewed\n", "taken\ntaken\n", "taken \n", "held\n", "held 5 x\n", "held 5 a=== regular file\n"),
    *("\x1b[2J", "9" * 5000, f"held {'9' * 5000} YQ== regular file\n", f"held 5 {'YQ==' * 2000} regular file\n"),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_whatever_else_a_machine_says_the_lock_is_not_ours(
    here: Here, monkeypatch: pytest.MonkeyPatch, answer: str, tally: Tally
) -> None:
    tally("hostile inputs tried", 1)
    monkeypatch.setattr(here, "_one", lambda command: Result(0, answer))
    with pytest.raises(StepError, match="could not be taken") as error:
        run_lock(here, OURS).__enter__()
    assert visible(error.value.details) == error.value.details


def test_what_is_not_renewed_stops_the_run_before_its_next_change(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has become read-only: others may soon take this run to be dead."""
    with run_lock(here, OURS) as ours:
        failing(here, "touch", "Read-only file system")
        monkeypatch.setattr(lock, "STALE_S", -1)
        with pytest.raises(StepError, match="cp1: the run lock could not be renewed") as error:
            ours.check()
        assert "touch: Read-only file system" in error.value.details


def test_what_is_not_given_back_is_told(here: Here) -> None:
    said: list[Event] = []
    with run_lock(here, OURS, listen=said.append):
        failing(here, "rm", "Read-only file system")
    (event,) = said
    assert isinstance(event, Found)
    assert event.problem.message == "cp1: the run lock could not be released: rm: Read-only file system"
    assert "free 60 s after" in event.problem.hint


def test_when_too_few_can_take_it_the_others_are_given_back(here: Here, tmp_path: Path) -> None:
    broken, kept = Here(tmp_path / "broken"), Here(tmp_path / "kept")
    broken.directory.touch()
    control_planes = {"cp3": cast(Transport, broken), "cp2": cast(Transport, kept), "cp1": cast(Transport, here)}
    failing(kept, "rm", r"Input/output error\033[31m")
    with pytest.raises(StepError, match="cp3: the run lock could not be taken") as error:
        RunLock(control_planes, OURS, lambda run: False, quiet, needed=3).__enter__()
    assert "The run lock was released on cp1.\n" in error.value.details
    assert "cp2: the run lock could not be released: rm: Input/output error\\x1b[31m\n" in error.value.details
    assert not here.path.exists()


def of_three(here: Here, tmp_path: Path) -> tuple[dict[str, Transport], Here, Here]:
    second, third = Here(tmp_path / "second"), Here(tmp_path / "third")
    return {"cp1": cast(Transport, here), "cp2": cast(Transport, second), "cp3": cast(Transport, third)}, second, third


def test_a_majority_is_enough_and_the_missing_one_is_named(here: Here, tmp_path: Path) -> None:
    control_planes, second, third = of_three(here, tmp_path)
    third.lost = True
    said: list[Event] = []
    with RunLock(control_planes, OURS, lambda run: False, said.append) as ours:
        assert (known(here.holder()), known(second.holder())) == (OURS, OURS)
        ours.check()
    (found,) = (event for event in said if isinstance(event, Found) and event.problem.rule == "lock-partial")
    assert found.problem.message.startswith("cp3: the run lock could not be taken: ")
    assert found.problem.hint == "It is held on 2 of 3 control planes, which is enough."
    assert not here.path.exists()


def test_without_a_majority_it_is_taken_nowhere(here: Here, tmp_path: Path) -> None:
    control_planes, second, third = of_three(here, tmp_path)
    second.lost = third.lost = True
    with pytest.raises(UnreachableError, match="the connection was lost"):
        RunLock(control_planes, OURS, lambda run: False, lambda event: None).__enter__()
    assert not here.path.exists()


def test_where_no_majority_is_needed_it_is_taken_on_all_that_answer(here: Here, tmp_path: Path) -> None:
    control_planes, second, third = of_three(here, tmp_path)
    here.lost = second.lost = True
    with RunLock(control_planes, OURS, lambda run: False, lambda event: None, needed=1) as ours:
        assert known(third.holder()) == OURS
        ours.check()
    assert not third.path.exists()


def test_two_runs_that_reach_different_majorities_are_kept_apart(here: Here, tmp_path: Path) -> None:
    control_planes, _, third = of_three(here, tmp_path)
    third.lost = True
    with RunLock(control_planes, OURS, lambda run: False, lambda event: None):
        third.lost, here.lost = False, True
        with pytest.raises(LockHeldError, match="another run is at work"):
            RunLock(control_planes, THEIRS, lambda run: False, lambda event: None).__enter__()
        assert not third.path.exists(), "given back where it was free"
        here.lost = False


def test_of_two_that_begin_at_different_ends_one_gets_all(here: Here, tmp_path: Path) -> None:
    """Each has what it asks for first before either asks for more."""
    other = Here(tmp_path / "other")
    both_have_one = threading.Barrier(2)
    ended: dict[str, str] = {}

    class Pausing(Here):
        def _one(self, command: Command) -> Result:
            result = super()._one(command)
            if result.stdout == "taken\n":
                with suppress(threading.BrokenBarrierError):
                    both_have_one.wait(1)
            return result

    def come(holder: Holder, names: tuple[str, ...]) -> None:
        places = {"cp1": here.directory, "cp2": other.directory}
        control_planes = {name: cast(Transport, Pausing(places[name])) for name in names}
        try:
            RunLock(control_planes, holder, lambda run: False, quiet).__enter__()
            ended[holder.run] = "has it"
        except LockHeldError as error:
            ended[holder.run] = error.message

    threads = [
        threading.Thread(target=come, args=(OURS, ("cp1", "cp2"))),
        threading.Thread(target=come, args=(THEIRS, ("cp2", "cp1"))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (has_it,) = (run for run, end in ended.items() if end == "has it")
    (message,) = (end for end in ended.values() if end != "has it")
    assert message.startswith(f"another run is at work on this cluster: {'anna' if has_it == 'run1' else 'ben'}")
    assert here.holder().run == other.holder().run == has_it


def pipe(path: Path) -> None:
    os.mkfifo(path)


def large(path: Path) -> None:
    path.touch()
    os.truncate(path, 100_000_000)


RECORD = "run=run2\nowner=ben\nmachine=tower\ndoing=apply\nbegan=1800000100\n"
DAMAGED: dict[str, str | bytes | Callable[[Path], None]] = {
    "empty": "",
    "binary": bytes(range(256)),
    "no name": "run=\n",
    "half of it": "run=run2\nowner=b",
    "no newline, no end": "run=run2",
    "two runs": f"run=run1\n{RECORD}",
    "twice the same": "run=run2\nrun=run2\n",
    "a run that is a path": RECORD.replace("run2", "../../etc/passwd"),
    "a number that is none": RECORD.replace("1800000100", "soon"),
    "a negative number": RECORD.replace("1800000100", "-1"),
    "a huge number": RECORD.replace("1800000100", "9" * 300),
    "a year that no calendar has": RECORD.replace("1800000100", "999999999999"),
    "words for a terminal": "\x1b[2J\x1b]0;owned\x07",
    "words for a look": "=== ca\nheld 5 x regular file\nfree\n",
    "a hundred megabytes": large,
    "a directory": Path.mkdir,
    "a link to nowhere": lambda path: path.symlink_to("/nowhere"),
    "a link without end": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": pipe,
}


@pytest.fixture(params=DAMAGED)
def damaged(request: pytest.FixtureRequest, here: Here, tally: Tally) -> Here:
    tally("hostile inputs tried", 1)
    what = DAMAGED[request.param]
    if callable(what):
        what(here.path)
    else:
        here.path.write_bytes(what.encode() if isinstance(what, str) else what)
    return here


def test_a_lock_that_nobody_can_read_is_shown_and_keeps_others_away(damaged: Here) -> None:
    holder = damaged.holder()
    assert holder.run == ""
    assert not is_alive(holder)
    text = f"{described(holder)}: {judged(holder)}"
    assert text.startswith("an unknown run (the run lock cannot be read: it ")
    assert visible(text) == text
    assert "\n" not in text
    with pytest.raises(LockHeldError, match="another run is at work on this cluster: an unknown run"):
        run_lock(damaged, OURS, "").__enter__()


def test_a_lock_that_nobody_can_read_is_removed_when_that_is_asked_for(damaged: Here) -> None:
    seal = damaged.holder().seal
    assert asked("cp1", cast(Transport, damaged), lock.remove(seal), "removed", Word.REMOVED) is Word.REMOVED
    assert not os.path.lexists(damaged.path)


def test_a_lock_that_nobody_can_read_is_taken_over_when_it_is_old(damaged: Here) -> None:
    moment = time.time() - lock.STALE_S - 2
    os.utime(damaged.path, (moment, moment), follow_symlinks=False)
    with run_lock(damaged, OURS):
        assert known(damaged.holder()) == OURS


def test_what_somebody_has_put_into_a_directory_in_its_place_stays(here: Here) -> None:
    (here.path / "theirs").mkdir(parents=True)
    with pytest.raises(StepError, match="cp1: the run lock could not be removed") as error:
        asked("cp1", cast(Transport, here), lock.remove(here.holder().seal), "removed", Word.REMOVED)
    assert "not empty" in error.value.details
    assert (here.path / "theirs").is_dir()


def test_names_are_one_line_whatever_they_are(here: Here) -> None:
    """A user's name comes from the environment, and a record from any user who could write it."""
    odd = Holder("run3", "an\nrun=run9\x1b[2J", "l" * 300, "apply", 1_800_000_000)
    with run_lock(here, odd):
        told = here.holder()
    assert (told.run, told.owner, told.machine) == ("run3", r"an\nrun=run9\x1b[2J", "l" * 64)


def test_a_lock_from_the_future_is_said_and_free_a_minute_later(here: Here) -> None:
    run_lock(here, OURS).__enter__()
    here.age(-7200)
    assert "ahead of that host's clock (was it set back?)" in described(here.holder())
    assert not is_alive(here.holder())
    with pytest.raises(LockHeldError, match="ahead of that host's clock") as error:
        run_lock(here, THEIRS).__enter__()
    assert "is set to now" in error.value.details
    assert 0 <= here.holder().age_s <= lock.STALE_S
    here.age(lock.STALE_S + 2)
    with run_lock(here, THEIRS):
        assert known(here.holder()) == THEIRS


def test_a_run_that_is_alive_keeps_its_lock_when_a_clock_is_set_back(here: Here) -> None:
    with run_lock(here, OURS) as ours:
        here.age(-7200)
        ours._renew()
        assert 0 <= here.holder().age_s <= 5


def test_after_a_sleep_of_this_machine_the_lock_is_renewed_before_anything_else(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks: list[int] = []
    slept_s = 0.0

    def read(clock: int) -> float:
        clocks.append(clock)
        return 1000.0 + slept_s

    monkeypatch.setattr(time, "clock_gettime", read)
    with run_lock(here, OURS) as ours:
        here.age(45)
        ours.check()
        assert here.holder().age_s >= 45, "it was renewed a moment ago, for all we know"
        slept_s = 3600.0
        ours.check()
        assert here.holder().age_s < 45
    assert set(clocks) == {getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)}


def test_a_run_that_slept_while_another_took_the_lock_stops(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_lock(here, OURS) as ours:
        here.path.write_text(RECORD)
        monkeypatch.setattr(run_locks, "now_s", lambda: time.clock_gettime(time.CLOCK_MONOTONIC) + 1e6)
        with pytest.raises(LockHeldError, match="taken over by ben on tower"):
            ours.check()


def test_a_sign_of_life_that_hangs_does_not_keep_a_run_from_its_end(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT_S", 0.01)
    monkeypatch.setattr(run_locks, "_LAST_BEAT_S", 0.01)
    hangs, cut = threading.Event(), threading.Event()
    one = here._one

    def hanging(command: Command) -> Result:
        if threading.current_thread() is threading.main_thread():
            return one(command)
        hangs.set()
        cut.wait()
        raise UnreachableError("cp1: the connection was cut")

    monkeypatch.setattr(here, "_one", hanging)
    monkeypatch.setattr(here, "close", cut.set)
    with run_lock(here, OURS) as ours, ours.beating():
        assert hangs.wait(LONGEST_S)
    assert not here.path.exists()


def test_marks_that_vanish_while_they_are_looked_through_are_no_error(here: Here) -> None:
    marks.directory().mkdir(parents=True)
    (marks.directory() / "vanished").symlink_to("nowhere")
    with marks.marked("run1"):
        assert not marks.is_over("run1")


def test_a_mark_that_cannot_be_made_says_where_and_what_to_do(here: Here) -> None:
    marks.directory().parent.touch()
    with pytest.raises(UsageError, match="the mark of this run cannot be created") as error, marks.marked("run1"):
        raise AssertionError("the run goes on")
    assert "PROVISIONER_STATE_DIR" in error.value.hint


def test_a_machine_has_what_the_scripts_ask_for() -> None:
    for program in ("flock", "base64", "stat", "head", "sed", "tr", "touch", "rmdir"):
        assert shutil.which(program)
