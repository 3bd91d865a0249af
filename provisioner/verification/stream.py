"""What happens in the suite, as JSON lines on a pipe, for the process that started it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import IO, Self

import pytest

from provisioner.core.report import Reach
from provisioner.verification.expect import NotChecked, told


@dataclass(frozen=True, slots=True)
class Stream:
    """The writing end; without a file it writes nothing."""

    file: IO[str] | None

    @classmethod
    def open(cls, descriptor: int | None) -> Self:
        """Write to an open file descriptor, or nowhere."""
        return cls(None if descriptor is None else os.fdopen(descriptor, "w", buffering=1, encoding="utf-8"))

    def _write(self, event: str, **values: object) -> None:
        if self.file is None:
            return
        try:
            self.file.write(json.dumps({"event": event, **values}) + "\n")
        except BrokenPipeError:
            pytest.exit("the process that reads the events has ended", returncode=1)

    def began(self, host: str, title: str) -> None:
        """A check begins."""
        self._write("began", host=host, title=title)

    def waiting(self, host: str, what: str) -> None:
        """A check waits for something."""
        self._write("waiting", host=host, what=what)

    def ended(self, check: tuple[str, str, str], report: pytest.TestReport, error: BaseException | None) -> None:
        """A check (rule, host, title) has ended; `error` is the exception that ended it early."""
        rule, host, title = check
        cause = error.cause if isinstance(error, NotChecked) else ""
        message, hint = told(error) if error else ("", "")
        outcome = "not checked" if cause else report.outcome
        self._write(
            "ended",
            rule=rule,
            host=host,
            title=title,
            outcome=outcome,
            cause=cause,
            message=message,
            hint=hint,
            seconds=report.duration,
            problems=[asdict(problem) for problem in getattr(error, "problems", ())],
        )

    def network(self, reaches: Iterable[Reach]) -> None:
        """Which targets were reached, and which not."""
        self._write("network", reaches=[asdict(reach) for reach in reaches])
