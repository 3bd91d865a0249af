"""Who holds the locks of dpkg and apt: asked by the real sh, about a lock that a program of this test holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.resources.packages import LOCKS, PackageDatabase, Packages, packages_free
from tests.patience import LONGEST_S

# Holds the lock as apt does (fcntl), says so, and lets go when its input ends.
HOLD = "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print('held', flush=True)"
OPEN = "import sys; file = open(sys.argv[1], 'w'); print('open', flush=True)"


@contextmanager
def program(text: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has done this and now waits."""
    words = [sys.executable, "-c", f"{text}; sys.stdin.read()", str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        running.stdout.readline()
        yield running
        running.communicate("")


@pytest.fixture(params=[0, 2])
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One of the locks, in a directory of ours; the others are not there."""
    path = tmp_path / LOCKS[request.param].rpartition("/")[2]
    path.touch()
    (tmp_path / "updates").mkdir()
    return path


def asked(command: Command, lock: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with this lock in place of the machine's own, and a package that is half-configured."""
    shell, flags, text, *rest = command.argv
    for own in LOCKS:
        text = text.replace(own, str(lock))
    for own, other in {"provisioner/apt": "none", "dpkg/updates": "updates"}.items():
        text = text.replace(f"/var/lib/{own}", f"{lock.parent}/{other}")
    text = text.replace("dpkg-query", "echo iF docker.io")
    words = [shell, flags, text, rest[0], *(arguments or rest[1:])]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST_S)


def test_nobody_holds_it(lock: Path) -> None:
    assert asked(Packages("x", (("a", "1"),)).probe(), lock).stdout.startswith("iF docker.io")
    assert asked(packages_free(), lock).returncode == 0


def test_an_open_lock_that_is_not_held_holds_nobody_up(lock: Path) -> None:
    with program(OPEN, lock):
        assert asked(packages_free(), lock, "0").returncode == 0


def test_the_holder_is_named_by_a_look(lock: Path) -> None:
    with program(HOLD, lock) as holder:
        said = asked(Packages("x", (("a", "1"),)).probe(), lock).stdout.splitlines()
    assert said[0].startswith("lock: python")
    assert said[0].endswith(f" (process {holder.pid})")
    assert said[1].startswith("iF docker.io")


def test_while_somebody_is_at_work_nothing_is_said_of_what_is_half_done(lock: Path) -> None:
    with program(HOLD, lock):
        assert asked(PackageDatabase().probe(), lock).stdout == ""
    assert asked(PackageDatabase().probe(), lock).stdout == "iF docker.io\n"


def test_after_the_deadline_the_holder_is_named(lock: Path) -> None:
    with program(HOLD, lock) as holder:
        said = asked(packages_free(), lock, "2")
    assert said.returncode == 1
    assert "waiting until python" in said.stdout
    assert f"(process {holder.pid}) is done with the packages (" in said.stdout
    assert f"(process {holder.pid}) is done with the packages" in said.stderr
    assert said.stderr.startswith("gave up after ")


def test_the_wait_ends_with_the_holder(lock: Path) -> None:
    with program(HOLD.replace("print", "import time; print"), lock) as holder:
        assert holder.stdin
        holder.stdin.close()
        holder.stdin = None
        assert asked(packages_free(), lock, "20").returncode == 0
