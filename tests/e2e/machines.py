"""Labs of the end-to-end tests: made for a test, and gone afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.world import World, provisioner


def can_run_containers() -> bool:
    """Whether this is root, or a user whom the engine answers."""
    if os.geteuid() == 0:
        return True
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def need_containers() -> None:
    """Skip where no lab can be made; in CI that is a failure."""
    if not can_run_containers():
        pytest.skip("no right to run containers here: the real lab needs root or access to a Docker Engine")


@contextmanager
def room_for(lab: str) -> Iterator[None]:
    """Nothing of that lab is there before, in case that an earlier run was killed, nor afterwards."""
    need_containers()
    provisioner("lab", "down", "--name", lab)
    try:
        yield
    finally:
        down = provisioner("lab", "down", "--name", lab)
        assert down.code == 0, down


def make(lab: str, *, workers: int, release: str = "bookworm") -> World:
    """Machines with nothing on them yet."""
    size = ("--workers", str(workers), "--release", release)
    made = provisioner("lab", "up", "--name", lab, "--machines-only", "--json", *size)
    assert made.code == 0, made
    shown = next(event["text"] for event in made.events if event.get("text", "").startswith("inventory: "))
    names = ["cp1", *(f"w{number}" for number in range(1, workers + 1))]
    return World(lab, Path(shown.removeprefix("inventory: ")), names)


@contextmanager
def fresh(lab: str, *, workers: int) -> Iterator[World]:
    """The same, gone afterwards."""
    with room_for(lab):
        yield make(lab, workers=workers)
