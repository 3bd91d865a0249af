"""The places that a run has on a machine while it works, by the real sh: they go with it, or with the next one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provisioner.core.command import Command
from provisioner.resources.images import SCRATCH
from provisioner.sources.bundle_access import APT_MIRRORS, PLACE, Leftovers, closed, opened
from tests.builders import ok
from tests.patience import LONGEST_S

ADDRESS = "http://127.0.0.1:7642"


def run(root: Path, command: Command) -> str:
    argv = [
        word.replace(SCRATCH, f"{root}/scratch").replace("/run/provisioner", f"{root}/run") for word in command.argv
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done
    return done.stdout


def left(root: Path, run_id: str) -> tuple[Command, ...]:
    """What a run of that id would remove."""
    change = Leftovers(run_id).diff(ok(run(root, Leftovers(run_id).probe())), set())
    return change.commands if change else ()


def test_a_run_says_where_the_bundle_is_and_takes_it_away(tmp_path: Path) -> None:
    run(tmp_path, opened("one", ADDRESS))
    place, mirrors = (tmp_path / path.replace("/run/provisioner", "run") for path in (PLACE, APT_MIRRORS))
    assert (place.read_text(), mirrors.read_text()) == (f"{ADDRESS}\n", f"{ADDRESS}/apt/\n")
    assert left(tmp_path, "one") == ()
    run(tmp_path, closed())
    assert list(tmp_path.iterdir()) == []


def test_what_another_run_has_left_goes_when_this_one_begins(tmp_path: Path) -> None:
    run(tmp_path, opened("one", ADDRESS))
    (tmp_path / "scratch" / "archive").touch()
    run(tmp_path, opened("two", ADDRESS))
    assert not (tmp_path / "scratch" / "archive").exists()
    (tmp_path / "scratch" / "archive").touch()
    run(tmp_path, opened("two", ADDRESS))
    assert (tmp_path / "scratch" / "archive").exists(), "its own stays"


def test_a_run_without_a_bundle_removes_what_others_left_and_never_its_own(tmp_path: Path) -> None:
    run(tmp_path, opened("one", ADDRESS))
    (remove,) = left(tmp_path, "two")
    run(tmp_path, opened("two", ADDRESS))
    run(tmp_path, remove)
    assert (tmp_path / "run").exists()
    run(tmp_path, opened("one", ADDRESS))
    run(tmp_path, remove)
    assert list(tmp_path.iterdir()) == []
