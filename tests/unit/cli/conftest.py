"""The command line, called here: with a state and a cache of its own, in an empty directory, without machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner import cli

GOOD = """
all:
  vars:
    cluster: {kubernetes_version: 1.20.2, package_source: {type: bundle, path: nowhere-bundle}}
  children:
    control_plane: {hosts: {cp1: {ansible_host: 192.0.2.1, ansible_user: root}}}
    workers: {hosts: {w1: {ansible_host: 192.0.2.2, ansible_user: root}}}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line here, with a state and a cache of its own, in an empty directory."""
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PROVISIONER_INVENTORY", raising=False)
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["provisioner", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    return run


def write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name
