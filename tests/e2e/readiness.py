"""What this machine needs while real labs are tried on it, by any number of workers; afterwards it is as before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioner.core.report import ignore
from provisioner.errors import LockHeldError
from provisioner.labs import engine, state

# Each machine of a lab watches files some 14 times, and Linux lets one user do that 128 times by default.
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_INSTANCES = 1024
# As long as a lab of this name exists, no worker's `lab down` stops the engine under the labs of the others.
RESERVATION = "tests-"


@contextmanager
def ready_for_labs() -> Iterator[None]:
    """An engine that stays for the length of the block, and room for the files that machines watch."""
    _forget_killed()
    home = state.directory(f"{RESERVATION}{os.getpid()}")
    with _room_for_machines():
        with state.locked(home):
            engine.ensure(ignore).close()
            yield
            state.forget(home)
        engine.stop_engine(ignore)


def _forget_killed() -> None:
    for name in state.names():
        if name.startswith(RESERVATION):
            with suppress(LockHeldError), state.locked(state.directory(name)) as home:
                state.forget(home)


@contextmanager
def _room_for_machines() -> Iterator[None]:
    before = INSTANCES.read_text() if INSTANCES.exists() else str(ENOUGH_INSTANCES)
    is_raised = int(before) < ENOUGH_INSTANCES and os.access(INSTANCES, os.W_OK)
    if is_raised:
        INSTANCES.write_text(str(ENOUGH_INSTANCES))
    try:
        yield
    finally:
        if is_raised:
            INSTANCES.write_text(before)
