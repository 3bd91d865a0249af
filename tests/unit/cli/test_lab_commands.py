"""What the lab commands do without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.lab_bundle import build_command
from provisioner.cli.lab_farewell import program


def test_a_build_through_sudo_fills_the_users_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path / "state"))
    command = build_command("http://mirror.example/debian")
    assert command[:3] == ["env", f"XDG_CACHE_HOME={tmp_path / 'cache'}", f"PROVISIONER_STATE_DIR={tmp_path / 'state'}"]
    assert command[-5:] == ["provisioner", "bundle", "build", "--mirror", "http://mirror.example/debian"]
    assert "--mirror" not in build_command("")


def test_what_to_type_is_what_works_where_one_stands() -> None:
    assert program("/home/me/provisioner/.venv/bin/provisioner", Path("/home/me/provisioner")) == (
        ".venv/bin/provisioner"
    )
    assert program("/usr/local/bin/provisioner", Path("/home/me")) == "provisioner"
