"""A run of the product under way: what it says as it goes, and the ways to end it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.e2e.world import ENVIRONMENT, PROGRAM, Said
from tests.patience import LONGEST_S

Event = dict[str, Any]


class Running:
    """`provisioner COMMAND -i INVENTORY --json` in a process of its own, ended with the block at the latest."""

    def __init__(self, command: str, inventory: Path, *arguments: str) -> None:
        """Start it."""
        argv = [sys.executable, "-c", PROGRAM, *command.split(), "-i", str(inventory), "--json", *arguments]
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def __enter__(self) -> Self:
        """Nothing more."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left running when a test fails in between."""
        if self.process.poll() is None:
            self.process.kill()
        self.ended()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def _events(self) -> list[Event]:
        return [json.loads(line) for line in self._lines if line.startswith("{")]

    def until(self, wanted: Callable[[Event], bool], timeout_s: float = LONGEST_S) -> Event:
        """Wait for the first event of that kind; a run that ends without it, or is silent for too long, is an error."""
        deadline_s = time.monotonic() + timeout_s
        with self._news:
            while True:
                if found := next((event for event in self._events if wanted(event)), None):
                    return found
                over = not self._reader.is_alive() or time.monotonic() > deadline_s
                assert not over, "".join(self._lines[-40:])
                self._news.wait(0.5)

    def step(self, host: str, *titles: str) -> Event:
        """Wait until a step of this host has begun whose title begins with one of these words."""
        return self.until(lambda e: e.get("event") == "step_began" and e["host"] == host and _begins(e, titles))

    def is_over_within(self, seconds: float) -> bool:
        """Whether it comes to its end by itself in that time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL: it can neither say nor clean up anything."""
        self.process.kill()
        self.ended()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def ended(self, timeout_s: float = 2 * LONGEST_S) -> Said:
        """Wait for its end; what it said."""
        self.process.wait(timeout_s)
        self._reader.join()
        if self.process.stdout:
            self.process.stdout.close()
        return Said(self.process.returncode, "".join(self._lines), "")


def _begins(event: Event, titles: tuple[str, ...]) -> bool:
    return str(event["title"]).startswith(titles)
