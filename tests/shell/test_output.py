"""Where a run's words go: a pipe whose reader has gone, a full disk, a log that cannot be written."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import LONGEST_S
from tests.unit.cli.conftest import GOOD

PROVISIONER = f"{shlex.quote(sys.executable)} -m provisioner"
FULL = Path("/dev/full")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD.replace("nowhere-bundle", "auto"))
    return tmp_path


def sh(here: Path, script: str, state: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it in a shell; `$P` is provisioner."""
    environment = {**os.environ, "PROVISIONER_STATE_DIR": str(state or here / "state"), "PROVISIONER_INVENTORY": ""}
    return subprocess.run(
        ["/bin/sh", "-c", script.replace("$P", PROVISIONER)],
        cwd=here, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST_S,
    )  # fmt: skip


def test_a_reader_who_has_seen_enough_is_not_told_anything(here: Path) -> None:
    said = sh(here, "{ $P inventory schema; echo $? >code; } | head -n 1")
    assert (said.stdout, said.stderr) == ("{\n", "")
    assert (here / "code").read_text() == "0\n"


def test_the_exit_code_of_what_is_wrong_stays(here: Path) -> None:
    said = sh(here, "{ $P plan -i none.yaml --json; echo $? >code; } | :")
    assert said.stderr == ""
    assert (here / "code").read_text() == "2\n"


def test_what_cannot_be_shown_on_a_full_disk_is_an_error(here: Path) -> None:
    for words in ("inventory schema", "inventory validate -i good.yaml"):
        said = sh(here, f"$P {words} >/dev/full")
        assert said.returncode == 2
        assert said.stderr.startswith("error standard output: ")
        assert "No space left on device" in said.stderr
        assert "Traceback" not in said.stderr
        assert "Exception ignored" not in said.stderr


def test_a_full_disk_under_both_is_an_error_all_the_same(here: Path) -> None:
    assert sh(here, "$P inventory schema >/dev/full 2>/dev/full").returncode == 2


def test_closed_from_the_beginning(here: Path) -> None:
    said = sh(here, "$P inventory schema >&- 2>&-")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_without_a_place_for_the_log_a_run_goes_on(here: Path) -> None:
    (here / "file").touch()
    said = sh(here, "$P inventory validate -i good.yaml", state=here / "file" / "state")
    assert said.returncode == 0
    assert said.stdout.count("the log cannot be written: Not a directory; the run goes on without it") == 1
    assert "valid; 1 control plane(s)" in said.stdout


def test_an_error_names_no_log_that_is_not_there(here: Path) -> None:
    (here / "file").touch()
    said = sh(here, "$P plan -i none.yaml", state=here / "file" / "state")
    assert said.returncode == 2
    assert "log:" not in said.stderr


def test_a_home_that_cannot_be_written(here: Path) -> None:
    said = sh(here, "unset PROVISIONER_STATE_DIR; HOME=/proc XDG_STATE_HOME=/proc/x $P inventory validate -i good.yaml")
    assert said.returncode == 0
    assert said.stdout.count("the log cannot be written") == 1


def test_what_an_encoding_does_not_know_is_written_out(here: Path) -> None:
    said = sh(here, "LC_ALL=C PYTHONIOENCODING=ascii $P plan -i grüße.yaml")
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert r"gr\xfc\xdfe.yaml" in said.stderr
