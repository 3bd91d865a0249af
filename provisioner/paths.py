"""Where things live on the machine of whoever runs this: caches, state, logs; and files that are theirs alone."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import platformdirs


def state_directory() -> Path:
    """Labs and logs; the environment variable PROVISIONER_STATE_DIR overrides the platform's place."""
    override = os.environ.get("PROVISIONER_STATE_DIR")
    return Path(override) if override else platformdirs.user_state_path("provisioner")


def cache_directory() -> Path:
    """Bundles and images that can be made again."""
    return platformdirs.user_cache_path("provisioner")


def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, so that not even a power cut leaves half of it; OSError when it cannot be.

    A link is followed: the file that it names is written. What is there and is no regular file (a device, a pipe) is
    refused and stays. The new file is never readable for anyone whom `mode` does not allow.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".provisioner", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_private(path: Path, text: str) -> None:
    """`write_atomic`, for a file that nobody else could ever read."""
    write_atomic(path, text, 0o600)


def _sync(directory: Path) -> None:
    """Make a new name in a directory last."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
