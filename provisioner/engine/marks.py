"""A mark for each run, on the machine that it is started from: a file that stays locked as long as the run is alive.

So a run that was killed on this machine is known to be dead at once, and nothing has to wait for it.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioner.errors import UsageError
from provisioner.paths import state_directory
from provisioner.world import lock


@contextmanager
def marked(run: str) -> Iterator[None]:
    """A file that is locked as long as this process is alive; UsageError when it cannot be created."""
    path = directory() / run
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget_old()
        file = path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        hint = "Free some space there, or set PROVISIONER_STATE_DIR to a directory that you can write to."
        raise UsageError(f"{path}: the mark of this run cannot be created: {error.strerror}", hint=hint) from error
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def directory() -> Path:
    """Where the marks are."""
    return state_directory() / "runs"


def is_over(run: str) -> bool:
    """Whether that run was started on this machine and its process has ended. It may be called more than once."""
    return bool(run) and _is_free(directory() / Path(run).name)


def _is_free(mark: Path) -> bool:
    try:
        with mark.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def _forget_old() -> None:
    """Remove marks of dead runs whose locks have been stale for a long time."""
    for mark in directory().iterdir():
        # Another run may be doing the same.
        with suppress(FileNotFoundError):
            if mark.stat().st_mtime < time.time() - 60 * lock.STALE_S and _is_free(mark):
                mark.unlink()
