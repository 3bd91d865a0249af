"""Where things live on the machine of whoever runs this: caches, state, logs; and files that are theirs alone."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def state_directory() -> Path:
    """Labs and logs; the environment variable PROVISIONER_STATE_DIR overrides the platform's place."""
    override = os.environ.get("PROVISIONER_STATE_DIR")
    return Path(override) if override else platformdirs.user_state_path("provisioner")


def cache_directory() -> Path:
    """Bundles and images that can be made again."""
    return platformdirs.user_cache_path("provisioner")


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else could ever read, whole or not at all; OSError when it cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.provisioner")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
