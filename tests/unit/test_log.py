"""The log of a run: for its owner alone, and never a reason for a run to end."""

from __future__ import annotations

import errno
import resource
import stat
from pathlib import Path

import pytest

from provisioner.core.report import CommandRan, Event, Found, Note, ignore
from provisioner.errors import Severity
from provisioner.output.log import Log


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    with Log(tmp_path / "logs" / "a.log", ignore) as log:
        log(Note("hello"))
    assert stat.S_IMODE(Path(log.place).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert log.place.endswith("a.log")
    log(Note("too late"))
    assert "too late" not in Path(log.place).read_text()


def test_a_disk_that_becomes_full_is_a_warning_once(tmp_path: Path) -> None:
    heard: list[Event] = []
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with Log(tmp_path / "a.log", heard.append) as log:
            for _ in range(100):
                log(Note("x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (warning,) = heard
    assert isinstance(warning, Found)
    assert warning.problem.severity is Severity.WARNING
    assert "File too large; the run goes on" in warning.problem.message
    assert warning.problem.where == log.place
    assert "x" * 100 in (tmp_path / "a.log").read_text()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_place_where_nothing_can_be_made_is_a_warning_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise OSError(number, "no")

    heard: list[Event] = []
    monkeypatch.setattr(Path, "touch", refuse)
    with Log(tmp_path / "a.log", heard.append) as log:
        log(Note("hello"))
        log(Note("hello"))
    assert len(heard) == 1
    assert log.place == ""


def test_what_no_encoding_knows_is_written_out(tmp_path: Path) -> None:
    with Log(tmp_path / "a.log", ignore) as log:
        log(CommandRan("w1", "cat", 0, 0.1, "odd \udcff"))
    assert r"odd \udcff" in (tmp_path / "a.log").read_text()
