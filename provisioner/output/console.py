"""The only place that prints. On a terminal: one live line per running step, with the time it takes; elsewhere plain
lines; with `--json` one event per line, the report last.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from textwrap import indent
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from provisioner.core.plan import Plan
from provisioner.core.report import (
    CommandRan,
    Event,
    Found,
    NetworkSeen,
    Note,
    Outcome,
    PhaseBegan,
    Reach,
    Report,
    Said,
    StepBegan,
    StepEnded,
    Waiting,
)
from provisioner.errors import ProblemsError, ProvisionerError, Severity
from provisioner.output import plans, tables
from provisioner.output.plain import error_fields, event_fields, report_fields
from provisioner.output.wording import duration, finding, one_line, unfinished, words

_MARKS = {Outcome.OK: "[green]✓[/]", Outcome.CHANGED: "[green]✓[/]", Outcome.FAILED: "[red]✗[/]", Outcome.SKIPPED: "-"}
# What is in order already is only counted at the end.
_QUIET = frozenset({Outcome.OK, Outcome.SKIPPED})


class Show(Protocol):
    """How a command shows what happens: for people or for programs."""

    def __call__(self, event: Event) -> None:
        """Take an event."""

    def plan(self, plan: Plan, *, verbose: bool) -> None:
        """Show the steps of a plan."""

    def report(self, report: Report) -> None:
        """Show the end of a run."""

    def error(self, error: ProvisionerError, log: str) -> None:
        """Show an error, and where the log is."""

    def close(self) -> None:
        """End the live display."""


class Human:
    """For people."""

    def __init__(self, console: Console, errors: Console, *, verbose: bool = False) -> None:
        """`errors` is standard error."""
        self.console = console
        self.errors = errors
        self._verbose = verbose
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], Any] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[host]:<8}"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        if console.is_terminal:
            self._progress.start()

    def __call__(self, event: Event) -> None:
        """One line per beginning or end; a running step is a live line on a terminal."""
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case PhaseBegan(title):
                self.console.print(f"[bold]{escape(title)}[/]")
            case StepBegan(host, title):
                self._begin(host, title)
            case StepEnded():
                self._end(event)
            case Waiting(host, what):
                self._waiting(host, what)
            case Said(host, line):
                self._said(host, line)
            case Found(problem):
                colour = "red" if problem.severity is Severity.ERROR else "yellow"
                self.console.print(f"[{colour}]{problem.severity.value}[/] {escape(finding(problem))}", highlight=False)
            case Note(text):
                self.console.print(escape(text), highlight=False)
            case CommandRan() if self._verbose:
                self._ran(event)
            case NetworkSeen(reaches) if self._verbose or not all(reach.ok for reach in reaches):
                self.network(reaches)

    def _begin(self, host: str, title: str) -> None:
        if self.console.is_terminal:
            self._tasks[host, title] = self._progress.add_task(escape(one_line(title)), host=host, total=None)

    def _end(self, event: StepEnded) -> None:
        task = self._tasks.pop((event.host, event.title), None)
        if task is not None:
            self._progress.remove_task(task)
        if not self._worth_a_line(event.outcome):
            return
        text = f"  {_MARKS[event.outcome]} {event.host:<8} {escape(one_line(event.title))}"
        self.console.print(f"{text} [dim]{duration(event.seconds)}[/]", highlight=False)
        if event.detail:
            self.console.print(escape(indent(event.detail, "      ")), highlight=False)

    def _ran(self, event: CommandRan) -> None:
        text = f"{event.host}: $ {escape(one_line(event.command))} → {event.exit_code}, {event.seconds:.1f} s"
        self.console.print(f"    [dim]{text}[/]", highlight=False)

    def _worth_a_line(self, outcome: Outcome) -> bool:
        return self._verbose or outcome not in _QUIET

    def _waiting(self, host: str, what: str) -> None:
        if self.console.is_terminal:
            self._said(host, what)
        else:
            self.console.print(f"  … {host:<8} {escape(one_line(what))}", highlight=False)

    def _said(self, host: str, line: str) -> None:
        """Show the line after the title of the step that runs there."""
        running = [(title, task) for (name, title), task in self._tasks.items() if name == host]
        for title, task in running[-1:]:
            self._progress.update(task, description=f"{escape(one_line(title))} — {escape(one_line(line))}")

    def plan(self, plan: Plan, *, verbose: bool) -> None:
        """The steps by play."""
        self.close()
        for line in plans.lines(plan, verbose=verbose):
            self.console.print(line, highlight=False)

    def network(self, reaches: Iterable[Reach]) -> None:
        """The connections in the cluster's network."""
        for part in tables.network(reaches):
            self.console.print(part, highlight=False)

    def report(self, report: Report) -> None:
        """One line that says how it went, and one for each host that is not as it should be."""
        self.close()
        for host, told in report.hosts.items():
            if told.failed or told.left:
                self.console.print(
                    f"[red]✗ {host}[/] is not converged{escape(unfinished(host, told))}", highlight=False
                )
        for text in report.skipped:
            self.console.print(f"[yellow]skipped[/] {escape(text)}", highlight=False)
        trips = max((told.round_trips for told in report.hosts.values()), default=0)
        each = f", at most {trips} round trips each" if trips else ""
        cost = f"{len(report.hosts)} host(s){each}, {duration(report.seconds)}"
        self.console.print(f"[bold]{words(report)}[/] [dim]{cost}[/]", highlight=False)

    def error(self, error: ProvisionerError, log: str) -> None:
        """Show an error: what, where, what to do next, and where the log is."""
        self.close()
        show_error(self.errors, error, log)

    def close(self) -> None:
        """End the live lines."""
        if self._progress.live.is_started:
            self._progress.stop()


class Machine:
    """One JSON object per line; the last one is the report."""

    def __init__(self, console: Console) -> None:
        """Lines go to `console`, unwrapped."""
        self.console = console
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """The event with its kind."""
        if not isinstance(event, Said):
            self.line(event_fields(event))

    def line(self, value: dict[str, object]) -> None:
        """Any object as a line."""
        with self._lock:
            self.console.out(json.dumps(value, default=str), highlight=False)

    def plan(self, plan: Plan, *, verbose: bool) -> None:
        """One line per step."""
        for play in plan.plays:
            for step in play.steps:
                change = step.change
                self.line({
                    "event": "step_planned", "play": play.title, "batch": play.batch, "host": step.subject,
                    "at": step.place, "key": step.key,
                    "summary": change.summary, "diff": change.diff, "waits_for": change.waits_for,
                })  # fmt: skip

    def report(self, report: Report) -> None:
        """The report as the last line."""
        self.line(report_fields(report))

    def error(self, error: ProvisionerError, log: str) -> None:
        """The error as a line; it ends the stream when there is no report."""
        self.line({"event": "error", **error_fields(error), "log": log})

    def close(self) -> None:
        """There is no live display."""


def show_error(console: Console, error: ProvisionerError, log: str) -> None:
    """An error on one screen."""
    console.print(f"[bold red]error[/] {escape(error.message)}", highlight=False)
    for line in error.details.splitlines()[-14:]:
        console.print(f"    [dim]{escape(line)}[/]", highlight=False)
    for problem in error.problems if isinstance(error, ProblemsError) else ():
        colour = "red" if problem.severity is Severity.ERROR else "yellow"
        console.print(f"  [{colour}]•[/] {escape(finding(problem))}", highlight=False)
    if error.hint:
        console.print(f"  → {escape(error.hint)}", highlight=False)
    if log:
        console.print(f"  [dim]log: {escape(log)}[/]", highlight=False, soft_wrap=True)
