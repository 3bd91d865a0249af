"""Two verifications at once: the lock that keeps them apart, by its real script in a real shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.verification import turn
from provisioner.verification.kubectl import AskError


def argv(directory: Path, who: str, wait_s: int = 20) -> list[str]:
    """The command that ssh would run, run here."""
    path = directory / "verifying"
    words = turn.command(["/bin/sh", "-c"], who)
    return [word.replace(turn.PATH, str(path)).replace(f" {turn.WAIT_S}", f" {wait_s}") for word in words]


def test_one_waits_for_the_other_and_is_told_for_whom(tmp_path: Path) -> None:
    said: list[str] = []
    with turn.taken(argv(tmp_path, "anna on laptop"), said.append):
        late = turn.taken(argv(tmp_path, "ben on tower", wait_s=1), said.append)
        with pytest.raises(turn.BusyError, match="verification of this cluster by anna on laptop is running"), late:
            pytest.fail("both at once")
        assert said == ["another verification of this cluster by anna on laptop to end"]
    with turn.taken(argv(tmp_path, "ben on tower"), said.append):
        assert (tmp_path / "verifying").read_text() == "ben on tower\n"
    assert len(said) == 1
    assert (tmp_path / "verifying").read_text() == ""


# Takes the lock and then does not answer any more.
HOLDER = """
import sys, time
from provisioner.verification import turn
with turn.taken(sys.argv[1:], print):
    print("ours", flush=True)
    time.sleep(60)
"""


def test_one_that_was_killed_holds_up_nobody(tmp_path: Path) -> None:
    said: list[str] = []
    words = [sys.executable, "-c", HOLDER, *argv(tmp_path, "anna")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ours\n"
        os.kill(process.pid, signal.SIGKILL)
    with turn.taken(argv(tmp_path, "ben", wait_s=10), said.append):
        pass


def test_a_connection_that_breaks_is_told() -> None:
    with pytest.raises(AskError, match="lost the connection"), turn.taken(["/bin/false"], lambda what: None):
        pytest.fail("there is no lock")


def test_root_by_sudo() -> None:
    assert turn.command(["ssh", "cp1"], "anna", become=True)[:2] == ["ssh", "cp1"]
    assert turn.command(["ssh", "cp1"], "anna", become=True)[2].startswith("sudo -n /bin/sh -c ")
