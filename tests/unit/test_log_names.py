"""Two commands that begin in the same microsecond write two logs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import pytest

from provisioner.core.report import ignore
from provisioner.output import log


def test_runs_that_begin_at_once_have_logs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(log, "datetime", Mock(now=Mock(return_value=datetime(2026, 3, 1))))
    monkeypatch.setattr("os.getpid", iter((11, 12)).__next__)
    for _ in range(2):
        with log.new_log("lab up", ignore):
            pass
    assert {path.name[-13:] for path in (tmp_path / "logs").iterdir()} == {"11-lab-up.log", "12-lab-up.log"}
