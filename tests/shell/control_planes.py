"""A control plane whose lock lies in a directory of the test: the real scripts, in a real shell."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from provisioner.core.command import Command, Result
from provisioner.core.report import Event, Listener
from provisioner.engine.run_lock import RunLock, asked
from provisioner.errors import UnreachableError
from provisioner.transports.protocol import Transport
from provisioner.world import lock
from provisioner.world.lock import Holder, Word
from tests.patience import LONGEST_S

OURS = Holder("run1", "anna", "laptop", "apply", 1_800_000_000)
THEIRS = Holder("run2", "ben", "tower", "apply", 1_800_000_100)


@dataclass
class Here:
    """A control plane whose lock lies in a directory of the test."""

    directory: Path
    lost: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.directory / "lock"

    def run(self, commands: Sequence[Command]) -> tuple[Result, ...]:
        if self.lost:
            raise UnreachableError("cp1: the connection was lost")
        return tuple(self._one(command) for command in commands)

    def _one(self, command: Command) -> Result:
        argv = [word.replace(lock.PATH, str(self.path)) for word in command.argv]
        done = subprocess.run(
            argv, input=str(command.stdin), capture_output=True, text=True, check=False, timeout=LONGEST_S, cwd="/",
            env={**os.environ, **self.environment},
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        pass

    def holder(self) -> Holder:
        """Who has it, as a look tells."""
        told = asked("cp1", cast(Transport, self), lock.show(), "read", Word.FREE)
        assert isinstance(told, Holder)
        return told

    def age(self, seconds: int) -> None:
        """Its last sign of life was so long ago."""
        moment = time.time() - seconds
        os.utime(self.path, (moment, moment))


def known(holder: Holder) -> Holder:
    """Without what a machine adds."""
    return replace(holder, age_s=0, seal="")


def quiet(event: Event) -> None:
    raise AssertionError(f"nothing is to be said: {event}")


def run_lock(here: Here, holder: Holder, *dead: str, listen: Listener = quiet) -> RunLock:
    return RunLock({"cp1": cast(Transport, here)}, holder, lambda run: run in dead, listen)
