"""Free space on the disk, checked before something is fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

from provisioner.errors import BundleError

MIB = 2**20
# What is fetched is kept once, so that a killed build can continue, and is in the bundle once more.
TIMES = 2


def require(place: Path, size: int, what: str) -> None:
    """BundleError unless there is room for so many bytes, fetched and put into the bundle."""
    free, needed = shutil.disk_usage(place).free, TIMES * size
    if free < needed:
        raise BundleError(
            f"{place}: {free / MIB:.0f} MiB are free, {what} need {needed / MIB:.0f} MiB",
            hint="Free some space, or name another directory for the cache: XDG_CACHE_HOME.",
        )
