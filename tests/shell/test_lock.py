"""The lock of a cluster, by its real scripts in a real shell: of two runs one works, nobody waits for a dead one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from provisioner.core.command import SETTLE_KUBEADM_S, STILL_BUSY, Command, Result, script, settle
from provisioner.core.report import Event
from provisioner.engine import marks
from provisioner.engine.holders import at_work
from provisioner.engine.marks import is_over
from provisioner.engine.run_lock import RunLock, held
from provisioner.errors import LockHeldError, UnreachableError
from provisioner.transports.protocol import Transport
from provisioner.world import lock
from tests.patience import LONGEST_S
from tests.shell.control_planes import OURS, THEIRS, Here, known, quiet, run_lock

LONG_S = 60


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path / "state"))
    return Here(tmp_path / "provisioner")


def test_the_lock_says_who_works_and_is_gone_afterwards(here: Here) -> None:
    with run_lock(here, OURS) as ours:
        ours.check()
        assert known(here.holder()) == OURS
        assert {path.name: path.stat().st_mode & 0o777 for path in here.directory.iterdir()} == {
            "lock": 0o600,
            "lock.guard": 0o600,
        }
    assert not here.path.exists()


def test_a_second_run_is_refused_and_told_who_is_there(here: Here) -> None:
    with run_lock(here, OURS):
        with pytest.raises(LockHeldError, match=r"anna on laptop \(apply\), since .*, last sign of life") as error:
            run_lock(here, THEIRS).__enter__()
        assert "provisioner unlock" in error.value.hint
        assert known(here.holder()) == OURS


def test_of_many_that_come_at_once_one_gets_it(here: Here) -> None:
    taken, refused = [], []

    def come(number: int) -> None:
        try:
            run_lock(here, replace(OURS, run=f"run{number}")).__enter__()
            taken.append(number)
        except LockHeldError:
            refused.append(number)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 11)


def test_a_silent_run_is_taken_over_after_its_deadline(here: Here) -> None:
    run_lock(here, OURS).__enter__()
    here.age(lock.STALE_S - 2)
    with pytest.raises(LockHeldError):
        run_lock(here, THEIRS).__enter__()
    here.age(lock.STALE_S + 2)
    with run_lock(here, THEIRS):
        assert known(here.holder()) == THEIRS


def test_a_run_that_is_known_to_be_dead_is_taken_over_at_once(here: Here) -> None:
    run_lock(here, OURS).__enter__()
    with run_lock(here, THEIRS, "run1"):
        assert known(here.holder()) == THEIRS


def test_ctrl_c_while_it_is_taken_leaves_no_lock(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would know that this run is over, and the next one would be turned away for a minute."""
    one = here._one

    def interrupted(command: Command) -> Result:
        monkeypatch.setattr(here, "_one", one)
        one(command)
        raise KeyboardInterrupt

    monkeypatch.setattr(here, "_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_lock(here, OURS).__enter__()
    assert not here.path.exists()


def test_what_another_run_holds_is_not_given_back(here: Here) -> None:
    with run_lock(here, OURS):
        here.age(lock.STALE_S + 2)
        run_lock(here, THEIRS).__enter__()
    assert known(here.holder()) == THEIRS


def test_on_several_control_planes_it_is_all_or_none(here: Here, tmp_path: Path) -> None:
    other = Here(tmp_path / "other")
    run_lock(other, THEIRS).__enter__()
    both = {"cp1": cast(Transport, here), "cp2": cast(Transport, other)}
    with pytest.raises(LockHeldError):
        RunLock(both, OURS, lambda run: False, quiet).__enter__()
    assert not here.path.exists()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Signs of life come quickly, and marks lie in a directory of the test."""
    monkeypatch.setattr(lock, "BEAT_S", 0.02)
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path / "state"))


def eventually(run_lock: RunLock) -> None:
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        run_lock.check()
        time.sleep(0.01)


def must_beat(here: Here) -> None:
    here.age(30)
    until = time.monotonic() + LONGEST_S
    while time.time() - here.path.stat().st_mtime > 5:
        assert time.monotonic() < until, "no sign of life"
        time.sleep(0.01)


@pytest.mark.usefixtures("fast")
def test_signs_of_life_come_while_it_is_held(here: Here) -> None:
    with held({"cp1": cast(Transport, here)}, OURS, quiet):
        must_beat(here)


@pytest.mark.usefixtures("fast")
def test_signs_of_life_go_on_after_a_lost_connection_and_meanwhile_elsewhere(here: Here, tmp_path: Path) -> None:
    other = Here(tmp_path / "other")
    with held({"cp1": cast(Transport, here), "cp2": cast(Transport, other)}, OURS, quiet):
        here.lost = True
        must_beat(other)
        here.lost = False
        must_beat(here)


@pytest.mark.usefixtures("fast")
def test_a_run_whose_lock_was_removed_or_taken_stops(here: Here) -> None:
    with held({"cp1": cast(Transport, here)}, OURS, quiet) as ours:
        here.path.unlink()
        with pytest.raises(LockHeldError, match=r"was removed \(`provisioner unlock`\?\)"):
            eventually(ours)
    with held({"cp1": cast(Transport, here)}, OURS, quiet) as ours:
        here.path.write_text("run=run2\nowner=ben\nmachine=tower\ndoing=apply\nbegan=1800000100\n")
        with pytest.raises(LockHeldError, match="taken over by ben on tower"):
            eventually(ours)


@pytest.mark.usefixtures("fast")
def test_a_lost_connection_is_told_before_the_next_change_and_not_before(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Event] = []
    with held({"cp1": cast(Transport, here)}, OURS, said.append) as ours:
        here.lost = True
        ours.check()
        monkeypatch.setattr(lock, "STALE_S", 0)
        with pytest.raises(UnreachableError):
            eventually(ours)


@pytest.mark.usefixtures("fast")
def test_a_run_of_this_machine_is_over_when_its_process_is(here: Here) -> None:
    with held({"cp1": cast(Transport, here)}, OURS, quiet):
        assert not is_over("run1")
    assert not is_over("run1"), "it has ended by itself: there is nothing to take over"
    assert not is_over("unknown")
    mark = marks.directory() / "killed"
    mark.touch()
    assert is_over("killed")
    assert is_over("killed"), "who has asked once may ask again"


def test_marks_of_runs_that_died_long_ago_go(here: Here) -> None:
    old, recent = marks.directory() / "old", marks.directory() / "recent"
    old.parent.mkdir(parents=True)
    for mark in (old, recent):
        mark.touch()
    os.utime(old, (time.time() - 86_400,) * 2)
    with held({"cp1": cast(Transport, here)}, OURS, quiet):
        assert not old.exists()
        assert recent.exists()


def test_a_warning_tells_of_a_run_at_work_and_of_no_dead_one(here: Here) -> None:
    with held({"cp1": cast(Transport, here)}, OURS, quiet):
        warning = at_work(OURS)
        assert warning
        assert "anna on laptop (apply)" in warning.message
    assert at_work(None) is None
    assert at_work(replace(OURS, age_s=lock.STALE_S + 1)) is None


def busy(text: str, path: Path) -> str:
    return text.replace("/run/provisioner.lock", str(path))


def processes() -> list[str]:
    return subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout.splitlines()


def test_batches_that_change_something_do_not_run_beside_each_other(tmp_path: Path) -> None:
    """What a killed run has started goes on when its shell is gone, and is waited for all the same."""
    path, done = tmp_path / "busy", tmp_path / "done"
    left_alone(path, Command(("/bin/sh", "-c", f"sleep 5; touch {done}")), "sleep 5")
    wait = settled(path)
    assert wait.returncode == 0
    assert done.exists()
    assert "an earlier run's command is still at work: sleep 5" in wait.stdout


def test_a_kubeadm_that_was_left_alone_is_ended_after_a_while(tmp_path: Path) -> None:
    """It may wait for a token that is gone; the step behind it does not run any more."""
    path, after = tmp_path / "busy", tmp_path / "after"
    kubeadm = f"import os; os.execv('/bin/sleep', ['kubeadm join ', '{LONG_S}'])"
    left_alone(
        path, Command((sys.executable, "-c", kubeadm)), f"kubeadm join  {LONG_S}", Command(("touch", str(after)))
    )
    wait = settled(path, kubeadm_s=3)
    assert wait.returncode == 0
    assert "still at work: kubeadm join" in wait.stdout
    assert not after.exists()


def left_alone(path: Path, command: Command, seen_as: str, *after: Command) -> None:
    """A batch whose shell is killed while its first command runs."""
    text = busy(script([command, *after], "x", stop=True, alone=True), path)
    shell = subprocess.Popen(["/bin/sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert shell.stdin
    shell.stdin.write(text.encode())
    shell.stdin.close()
    while seen_as not in processes():
        time.sleep(0.01)
    shell.kill()
    shell.wait()


def settled(path: Path, kubeadm_s: int = SETTLE_KUBEADM_S) -> subprocess.CompletedProcess[str]:
    argv = [busy(word, path) for word in settle().argv]
    assert argv[-1] == str(SETTLE_KUBEADM_S)
    return subprocess.run([*argv[:-1], str(kubeadm_s)], capture_output=True, text=True, check=False, timeout=LONG_S)


def test_who_waits_too_long_for_another_batch_runs_nothing(tmp_path: Path) -> None:
    path, done = tmp_path / "busy", tmp_path / "done"
    text = busy(script([Command(("touch", str(done)))], "x", stop=True, alone=True), path).replace("-w 60", "-w 0")
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code = subprocess.run(["/bin/sh", "-s"], input=text.encode(), check=False, capture_output=True).returncode
    assert code == STILL_BUSY
    assert not done.exists()
