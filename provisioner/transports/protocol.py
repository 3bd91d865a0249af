"""What the engine requires of a transport. The same contract tests check every implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from provisioner.core.command import Command, Result

# Called with the number of a command when it begins on the host.
Began = Callable[[int], None]
# Called with the latest line that the running command has printed; lines that come fast are passed over.
Heard = Callable[[str], None]


def no_listener(told: object) -> None:
    """The default callback: does nothing."""


class Transport(Protocol):
    """One host. Everything raises UnreachableError when the host cannot be reached (any more)."""

    @property
    def round_trips(self) -> int:
        """How many batches have been sent."""
        ...

    @property
    def seconds(self) -> float:
        """How long connecting to this host and running commands on it has taken, in all."""
        ...

    def open(self) -> None:
        """Connect, if not connected."""
        ...

    def run(
        self,
        commands: Sequence[Command],
        *,
        stop: bool = True,
        alone: bool = False,
        began: Began = no_listener,
        heard: Heard = no_listener,
    ) -> tuple[Result, ...]:
        """Run a batch as root in one round trip; with `stop`, up to and including the first that fails.

        With `alone` no other such batch runs on that host, not even one whose sender was killed.
        """
        ...

    def send_tree(self, root: Path, names: Sequence[str], directory: str) -> None:
        """Put files below `root` into a directory of the host, as root; StepError when it cannot store them."""
        ...

    def serve(self, root: Path) -> AbstractContextManager[int | None]:
        """Serve `root` over HTTP on a port of the host's loopback; None where the host forbids forwarding."""
        ...

    def close(self) -> None:
        """End the connection; a later call opens it again."""
        ...
