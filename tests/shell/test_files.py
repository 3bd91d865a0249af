"""How files get onto machines, by the real sh: never half, never open too early, never through a link."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import time
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.core.resource import Change, Resource
from provisioner.inventory.values import Secret
from provisioner.resources.files import Absent, Directory, File, NothingElse, PrivateCopy
from tests.builders import ok
from tests.patience import LONGEST_S

OWNER = subprocess.run(["stat", "-c", "%U:%G", "/proc/self"], capture_output=True, text=True, check=True).stdout.strip()
USER = OWNER.partition(":")[0]


def run(command: Command, before: str = "") -> subprocess.CompletedProcess[str]:
    """The command with its input, as a batch runs it; `before` prepares its shell."""
    text = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
    argv = ["/bin/sh", "-c", f"umask 022; {before} exec {shlex.join(command.argv)}"]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=LONGEST_S)


def change(want: Resource) -> Change | None:
    """What is to be done, as the machine tells."""
    seen = run(want.probe())
    assert seen.returncode == 0, seen
    return want.diff(ok(seen.stdout), set())


def settle(want: Resource) -> None:
    """Do it, and find nothing left."""
    found = change(want)
    assert found
    for command in found.commands:
        done = run(command)
        assert done.returncode == 0, done
    assert change(want) is None


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_with_its_mode_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new directory" / "file"
    settle(File(str(path), "text\n\n", mode=0o640, owner=OWNER))
    assert (path.read_text(), mode(path)) == ("text\n\n", 0o640)
    assert os.listdir(path.parent) == ["file"]


def test_who_reads_the_old_file_meanwhile_reads_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old " * 10_000)
    with path.open() as reading:
        settle(File(str(path), "new", owner=OWNER))
        assert reading.read() == "old " * 10_000


def test_a_link_is_replaced_and_what_it_names_stays(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("another's")
    path = tmp_path / "file"
    path.symlink_to(tmp_path / "other")
    settle(File(str(path), "ours", owner=OWNER))
    assert (tmp_path / "other").read_text() == "another's"
    assert not path.is_symlink()


@pytest.mark.parametrize("left", [None, 0o666], ids=["fresh", "a killed run has left half of it open"])
def test_a_file_is_closed_to_others_before_it_has_content(tmp_path: Path, left: int | None) -> None:
    path, half = tmp_path / "secret", tmp_path / ".secret.provisioner"
    if left:
        half.write_text("old")
        half.chmod(left)
        # Opened while it was open to all: what is written later must not arrive here.
        spying = half.open()
    found = change(File(str(path), Secret("hunter2", "password"), mode=0o600, owner=OWNER))
    assert found
    argv = found.commands[0].argv
    with subprocess.Popen(["/bin/sh", "-c", f"umask 022; exec {shlex.join(argv)}"], stdin=subprocess.PIPE) as writing:
        assert writing.stdin
        writing.stdin.write(b"hunter2")
        writing.stdin.flush()
        until = time.monotonic() + LONGEST_S
        while not (half.exists() and half.read_text() == "hunter2"):
            assert time.monotonic() < until, "nothing is written"
            time.sleep(0.01)
        assert mode(half) == 0o600
        assert not path.exists()
        writing.stdin.close()
    assert (mode(path), path.read_text(), os.listdir(tmp_path)) == (0o600, "hunter2", ["secret"])
    if left:
        assert spying.read() == "old"
        spying.close()


def test_a_write_that_fails_leaves_the_old_file_and_no_half(tmp_path: Path) -> None:
    """A disk that is full, played by a limit of a file's size."""
    path = tmp_path / "file"
    path.write_text("old\n")
    found = change(File(str(path), "x" * 200_000, owner=OWNER))
    assert found
    done = run(found.commands[0], before="ulimit -f 8; trap '' XFSZ;")
    assert done.returncode != 0
    assert "too large" in done.stderr
    assert (path.read_text(), os.listdir(tmp_path)) == ("old\n", ["file"])


def test_a_secret_is_compared_on_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    want = File(str(path), Secret("hunter2", "password"), mode=0o600, owner=OWNER)
    settle(want)
    assert "hunter2" not in run(want.probe()).stdout
    path.write_text("hunter3")
    settle(want)
    assert path.read_text() == "hunter2"


def test_a_mode_that_was_changed_is_corrected_without_writing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    want = File(str(path), "text", owner=OWNER)
    settle(want)
    before = path.stat().st_ino
    path.chmod(0o666)
    settle(want)
    assert (mode(path), path.stat().st_ino) == (0o644, before)


def test_a_private_copy_is_its_user_s_alone(tmp_path: Path) -> None:
    source, copy = tmp_path / "admin.conf", tmp_path / "home" / ".kube" / "config"
    source.write_text("a key")
    want = PrivateCopy(str(source), str(copy), USER)
    settle(want)
    assert (copy.read_text(), mode(copy), mode(copy.parent)) == ("a key", 0o600, 0o700)
    assert os.listdir(copy.parent) == ["config"]
    copy.chmod(0o644)
    settle(want)
    assert mode(copy) == 0o600


def test_directories_and_what_may_not_be_there(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    settle(Directory(str(directory), mode=0o700, owner=OWNER))
    for name in ("kept", "a b", ".half.provisioner"):
        (directory / name).touch()
    settle(NothingElse(str(directory), ("kept",)))
    assert os.listdir(directory) == ["kept"]
    settle(Absent(str(directory / "kept")))
    assert os.listdir(directory) == []
