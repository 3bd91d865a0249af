"""The log of a run: one file with everything that happened, each command with its result, secrets masked."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from provisioner.core.report import (
    CommandRan,
    Event,
    Found,
    Listener,
    NetworkSeen,
    Note,
    PhaseBegan,
    Reach,
    Said,
    StepBegan,
    StepEnded,
    Traced,
    Waiting,
)
from provisioner.core.untrusted import visible
from provisioner.errors import Problem, Severity
from provisioner.paths import state_directory


class Log:
    """A listener that writes to a file that only its owner can read; usable as a context manager.

    A log that cannot be written does not stop the run: `warn` gets one warning with the reason.
    """

    def __init__(self, path: Path, warn: Listener) -> None:
        """Create the file, 0600, and its directory."""
        self._path: Path | None = path
        self._warn = warn
        self._lock = threading.Lock()
        self._file: TextIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            self._path = None
            self._warn_of(path, error)

    @property
    def place(self) -> str:
        """The path of the file; empty when there is none."""
        return str(self._path or "")

    def __call__(self, event: Event) -> None:
        """Write the event, with the time."""
        if not isinstance(event, Said):
            self.write(describe(event))

    def write(self, text: str) -> None:
        """Write a line with a time stamp, and further lines indented, so that no other text looks like a line of ours.

        Other characters that would end a line or control a terminal are made visible, wherever the text came from.
        """
        text = visible(text).replace("\n", "\n    ")
        stamp = datetime.now().astimezone().isoformat(timespec="milliseconds")
        with self._lock:
            try:
                if self._file:
                    self._file.write(f"{stamp} {text}\n")
                    self._file.flush()
                return
            except OSError as error:
                lost = error
                self._close()
        self._warn_of(self._path, lost)

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; later events are dropped."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        # Closing tries again to write what could not be written; then it is lost.
        with suppress(OSError):
            if self._file:
                self._file.close()
        self._file = None

    def _warn_of(self, path: Path | None, error: OSError) -> None:
        message = f"the log cannot be written: {error.strerror}; the run goes on without it"
        self._warn(
            Found(Problem("log", str(path), message, "Is the disk full? May you write there?", Severity.WARNING))
        )


def new_log(command: str, warn: Listener) -> Log:
    """A new log file, named after the moment, the process (two may begin at once) and the command.

    `warn` gets a warning when it cannot be written.
    """
    stamp = datetime.now().strftime("%Y-%m-%dT%H-%M-%S.%f")
    return Log(state_directory() / "logs" / f"{stamp}-{os.getpid()}-{command.replace(' ', '-')}.log", warn)


def describe(event: Event) -> str:
    """An event as a line of the log; a command's output follows it."""
    match event:
        case PhaseBegan(title, hosts):
            return f"== {title} ({', '.join(hosts)})"
        case StepBegan(host, title):
            return f"{host}: begins: {title}"
        case StepEnded(host, title, outcome, seconds, detail):
            return f"{host}: {outcome.value} after {seconds:.1f} s: {title}{_below(detail)}"
        case CommandRan(host, command, code, seconds, output):
            return f"{host}: $ {command}  -> {code} in {seconds:.2f} s{_below(output)}"
        case Waiting(host, what):
            return f"{host}: waits for {what}"
        case Said(host, text) | Traced(host, text):
            return f"{host}: {text}"
        case Found(problem):
            return f"{problem.severity.value}: [{problem.rule}] {problem}"
        case Note(text):
            return text
        case NetworkSeen(reaches):
            return f"network:{_below(chr(10).join(map(_tried, reaches)))}"


def _tried(reach: Reach) -> str:
    return f"{'ok' if reach.ok else 'failed'} {reach.path} {reach.source} -> {reach.target} {reach.text}".rstrip()


def _below(text: str) -> str:
    return f"\n{text}" if text else ""
