"""Looking over the shoulder of a run: what every user of the machines could see while it works."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self

# What a run keeps on a machine for the time it works, and which process listens where.
OPEN_TO_ALL = """
ss -Hltnp
cat /var/lib/provisioner/lock /run/provisioner.lock /run/provisioner/* 2>/dev/null || :
"""


class Watching(ABC):
    """Looks again and again, in a thread of its own, as long as the block lasts."""

    interval_s: float

    def __init__(self) -> None:
        """Nothing is seen yet."""
        self.seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self.interval_s):
            self.look()

    @abstractmethod
    def look(self) -> None:
        """Add what there is now."""


class ArgumentsWatcher(Watching):
    """The arguments of every process on this machine, those of the lab's machines among them."""

    interval_s = 0.05

    def look(self) -> None:
        """All processes of the moment."""
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                self._note(Path(entry.path, "cmdline"))

    def _note(self, path: Path) -> None:
        try:
            self.seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            return


class MachineWatcher(Watching):
    """Lines that a script prints on a machine; `run` runs it there."""

    interval_s = 1.0

    def __init__(self, run: Callable[[str], str]) -> None:
        """Nothing is seen yet."""
        super().__init__()
        self._run = run

    def look(self) -> None:
        """Its lines of the moment."""
        self.seen |= set(self._run(OPEN_TO_ALL).splitlines())
