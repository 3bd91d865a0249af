"""Inventories written into a directory that has the files they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an inventory; beside it lie `keys/id_ed25519` (0600), `keys/id.pub`, `keys/open` and `bundle/`."""
    (tmp_path / "bundle").mkdir()
    keys = tmp_path / "keys"
    keys.mkdir()
    for name, mode in (("id_ed25519", 0o600), ("id.pub", 0o644), ("open", 0o644)):
        (keys / name).touch(mode)
        (keys / name).chmod(mode)

    def to_file(text: str) -> Path:
        path = tmp_path / "inventory.yaml"
        path.write_text(text)
        return path

    return to_file
