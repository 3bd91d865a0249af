"""The lab's directory: private, written in one step, held by one run at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from provisioner import paths
from provisioner.errors import LabError, LockHeldError
from provisioner.labs import record, state
from provisioner.labs.record import Record
from provisioner.labs.rights import Rights
from provisioner.labs.spec import LabSpec


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.STATE_VARIABLE, str(tmp_path / "state"))


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("name", ["..", "a/b", "", "Lab", "-x", "a" * 40, "a b"])
def test_a_name_that_would_leave_the_directory_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="is not a valid name for a lab"):
        state.directory(name)


def test_the_key_is_made_once_and_only_for_us() -> None:
    with state.locked(state.directory("lab")) as home:
        first, again = state.public_key(home), state.public_key(home)
    assert first == again
    assert first.startswith("ssh-ed25519 ")
    assert first.endswith(" provisioner-lab-lab\n")
    assert _mode(home) == 0o700
    assert _mode(home / state.KEY) == 0o600
    load_ssh_private_key((home / state.KEY).read_bytes(), password=None)


def test_two_runs_do_not_work_on_one_lab() -> None:
    home = state.directory("lab")
    with state.locked(home), pytest.raises(LockHeldError) as caught, state.locked(home):
        pytest.fail("held twice")
    assert str(home) in caught.value.message
    with state.locked(home):
        pass


def test_a_lab_that_was_removed_under_the_lock_can_be_locked_again() -> None:
    home = state.directory("lab")
    with state.locked(home):
        state.forget(home)
        with state.locked(home):
            assert home.is_dir()


def test_forgetting_leaves_nothing_behind(tmp_path: Path) -> None:
    home = state.directory("lab")
    with state.locked(home):
        state.public_key(home)
        state.forget(home)
    state.forget(home)
    assert not (tmp_path / "state").exists()


def test_forgetting_one_lab_keeps_the_other() -> None:
    for name in ("one", "two"):
        with state.locked(state.directory(name)):
            pass
    assert state.names() == ("one", "two")
    state.forget(state.directory("one"))
    assert state.names() == ("two",)


def test_the_record_comes_back_as_it_was() -> None:
    written = Record(LabSpec(name="lab", memory_mib=2048, cpus=1.5), "image:1", Rights.RESTRICTED)
    assert record.read("lab") is None
    with state.locked(state.directory("lab")):
        record.write(written)
    assert record.read("lab") == written


def test_a_damaged_record_says_what_to_do() -> None:
    with state.locked(state.directory("lab")):
        record.path("lab").write_text("{")
    with pytest.raises(LabError, match="damaged") as caught:
        record.read("lab")
    assert "down" in caught.value.hint
