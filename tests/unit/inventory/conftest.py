"""Inventories written into a directory that has the files they name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest


class Write(Protocol):
    """Writes a file of an inventory, and gives its path."""

    def __call__(self, text: str, name: str = "inventory.yaml") -> Path: ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an inventory; beside it lie `keys/id_ed25519` (0600), `keys/id.pub`, `keys/open` and `bundle/`."""
    (tmp_path / "bundle").mkdir()
    keys = tmp_path / "keys"
    keys.mkdir()
    for name, mode in (("id_ed25519", 0o600), ("id.pub", 0o644), ("open", 0o644)):
        (keys / name).touch(mode)
        (keys / name).chmod(mode)

    def to_file(text: str, name: str = "inventory.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return to_file
