"""What happened, as values. The parts that do the work (engine, lab, bundle builder) send events to a listener; the
console, the JSON stream and the log file are listeners. Nothing else prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from provisioner.errors import Problem


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A new part of the run, such as `connect`, `look`, or the title of a play."""

    title: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepBegan:
    """Something that takes a moment has begun at `host` (a host, or `bundle`, `image`, ...)."""

    host: str
    title: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """The step of that host and title is over."""

    host: str
    title: str
    outcome: Outcome
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a running step at `host` is waiting for right now, in words."""

    host: str
    what: str


@dataclass(frozen=True, slots=True)
class Said:
    """The latest line of a running step's output, for a live display: it is neither logged nor in the JSON stream."""

    host: str
    line: str


@dataclass(frozen=True, slots=True)
class Traced:
    """The traceback of code that could not process the output of a host, for the log."""

    host: str
    trace: str


@dataclass(frozen=True, slots=True)
class Found:
    """A finding that does not stop the run."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Note:
    """A line of text for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandRan:
    """A command on a host with its result, for the log; secrets are masked already."""

    host: str
    command: str
    exit_code: int
    seconds: float
    output: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether `source` (a node) can reach `target` (a node or a name) by a path such as pod-to-pod.

    `text` is the answer that came instead or, for largest-packet, how many bytes passed.
    """

    path: str
    source: str
    target: str
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class NetworkSeen:
    """Which nodes can reach which others in a cluster's network, all results at once."""

    reaches: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class HostReport:
    """What a run did on one host, and its cost. `left` counts the steps that a run which ended early has not done."""

    changed: int = 0
    failed: int = 0
    left: int = 0
    round_trips: int = 0
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a run. `result` is `ok`, `failed`, `interrupted`, or `changes` for a plan that is not empty.

    `left_out` counts the steps that are needed but belong to plays that were not selected; `part` is `network` when
    only the network was checked.
    """

    result: str
    changed: int
    hosts: dict[str, HostReport] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    skipped: tuple[str, ...] = ()
    seconds: float = 0.0
    left_out: int = 0
    part: str = ""


Event = PhaseBegan | StepBegan | StepEnded | Waiting | Said | Traced | Found | Note | CommandRan | NetworkSeen
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener that ignores all events."""


@contextmanager
def step(listen: Listener, host: str, title: str, outcome: Outcome = Outcome.CHANGED) -> Iterator[None]:
    """Announce a step around a block: begun, then ended with `outcome`, or failed when it raises."""
    listen(StepBegan(host, title))
    began_s = time.monotonic()
    try:
        yield
    except BaseException:
        listen(StepEnded(host, title, Outcome.FAILED, time.monotonic() - began_s))
        raise
    listen(StepEnded(host, title, outcome, time.monotonic() - began_s))
