"""The loop: look at every host, compare with what is wished, show the difference or make it go away, look again.

`plan` and `apply` are the same up to the point where `plan` stops. What was seen stays valid until a command has run
on that host; only then is it asked again. So a run with nothing to do costs each host one handshake, one look at its
facts and one batch of probes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile

from provisioner.core.plan import Plan, PlayPlan, Step, fold
from provisioner.core.play import Play, Playbook, View
from provisioner.core.report import Found, HostReport, Listener, PhaseBegan, Report
from provisioner.core.resource import Resource
from provisioner.errors import (
    PreflightError,
    Problem,
    ProvisionerError,
    Severity,
    StepError,
)
from provisioner.fleet import Fleet
from provisioner.looking import Seen, answers, look_at, see
from provisioner.steps import run_steps
from provisioner.transports.protocol import Transport

Rules = Callable[[View], tuple[Problem, ...]]
# How often the steps of a play may bring about new ones.
_ROUNDS = 3
OpenBundle = Callable[[Fleet, Iterable[str]], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Run:
    """What every part of a run needs: the procedure, the hosts, and who listens."""

    playbook: Playbook
    fleet: Fleet
    rules: Rules
    listen: Listener


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the report, the plan as it was before the first step, and the errors by host."""

    report: Report
    plan: Plan
    view: View
    errors: dict[str, ProvisionerError] = field(default_factory=dict)


def plan(run: Run, view: View) -> Outcome:
    """Look at everything and say what would change. Nothing is changed."""
    began_s = time.monotonic()
    view, seen = _look_everywhere(run, view)
    planned = _plan(run, view, seen)
    result = "changes" if planned.steps else "ok"
    return Outcome(_report(run, result, planned.steps, {}, began_s), planned, view)


def apply(run: Run, view: View, open_bundle: OpenBundle) -> Outcome:
    """Look, then make the difference go away play by play; each play is looked at again when it is through.

    `open_bundle` gives hosts access to the bundle; it is called when a first step is due.
    """
    began_s = time.monotonic()
    view, seen = _look_everywhere(run, view)
    planned = _plan(run, view, seen)
    work = _Work(run, view, seen)
    if planned.steps:
        with open_bundle(run.fleet, sorted({step.host for step in planned.steps})):
            for play in run.playbook:
                work.play(play)
    result = "failed" if work.errors else "ok"
    return Outcome(_report(run, result, work.done, work.errors, began_s), planned, work.view, work.errors)


class _Work:
    """An apply under way: what is known, what was done, and which hosts have dropped out."""

    def __init__(self, run: Run, view: View, seen: Seen) -> None:
        self.run = run
        self.view = view
        self.seen = seen
        self.done: list[Step] = []
        self.errors: dict[str, ProvisionerError] = {}

    def play(self, play: Play) -> None:
        """Run the steps of a play until nothing is left of them.

        What is left may be new, because the world has moved on meanwhile (a node has appeared late, and now wants a
        route): it is done too. The same step once more means that doing it does not help.
        """
        tried: set[Step] = set()
        for _ in range(_ROUNDS):
            steps = self._steps(play)
            for step in tried.intersection(steps):
                self._fail(step.host, _not_converged(step))
            steps = tuple(step for step in steps if step.host not in self.errors)
            if not steps or self.view.leader.name in self.errors:
                return
            self.run.listen(PhaseBegan(play.title, tuple(dict.fromkeys(step.host for step in steps))))
            self._look_again(self._execute(play, steps))
            tried |= set(steps)
        for step in self._steps(play):
            self._fail(step.host, _not_converged(step))

    def _steps(self, play: Play) -> tuple[Step, ...]:
        hosts = [host for host in play.hosts(self.view) if host.name not in self.errors]
        wished = {host.name: play.desired(self.view, host) for host in hosts}
        self._note(see(self.run.fleet, wished, self.seen))
        return tuple(
            step
            for host, resources in wished.items()
            if host not in self.errors
            for step in fold(host, resources, answers(resources, self.seen.get(host, {})), set())
        )

    def _execute(self, play: Play, steps: tuple[Step, ...]) -> list[str]:
        by_host: dict[str, list[Step]] = {}
        for step in steps:
            by_host.setdefault(step.host, []).append(step)

        known = {host: list(takewhile(lambda step: not step.change.waits_for, own)) for host, own in by_host.items()}
        results = self.run.fleet.each(by_host, partial(_run_on, known, self.run.listen), play.at_once)
        self._note(results.bad)
        self.done += [step for done in results.good.values() for step in done]
        return list(by_host)

    def _look_again(self, hosts: Iterable[str]) -> None:
        """What was seen on these hosts, and of the cluster, is old now."""
        old = {*hosts, self.view.leader.name} - set(self.errors)
        for host in old:
            self.seen.pop(host, None)
        self.view, errors = look_at(self.run.fleet, self.view, old)
        self._note(errors)

    def _note(self, errors: Mapping[str, ProvisionerError]) -> None:
        for host, error in errors.items():
            self._fail(host, error)

    def _fail(self, host: str, error: ProvisionerError) -> None:
        """A host that failed drops out: nothing more is wished for it, and nobody waits for it."""
        self.errors.setdefault(host, error)
        self.view = replace(self.view, limit=self.view.limit - {host})


def _run_on(steps: Mapping[str, list[Step]], listen: Listener, host: str, transport: Transport) -> list[Step]:
    return run_steps(transport, steps[host], listen)


def _look_everywhere(run: Run, view: View) -> tuple[View, Seen]:
    """Connect, look, judge, probe. An unreachable host or an error of preflight ends the run before any change."""
    hosts = tuple(run.fleet.transports)
    run.listen(PhaseBegan("look at the machines", hosts))
    view, errors = look_at(run.fleet, view, hosts)
    stop_for(errors)
    problems = run.rules(view)
    for problem in problems:
        run.listen(Found(problem))
    wrong = [problem for problem in problems if problem.severity is Severity.ERROR]
    if wrong:
        raise PreflightError(f"{len(wrong)} finding(s) stand in the way; nothing was changed", wrong)
    seen: Seen = {}
    wished: dict[str, list[Resource]] = {host: [] for host in view.facts}
    for play in run.playbook:
        for host in play.hosts(view):
            wished[host.name] += play.desired(view, host)
    stop_for(see(run.fleet, wished, seen))
    return view, seen


def _plan(run: Run, view: View, seen: Seen) -> Plan:
    changed: dict[str, set[str]] = {}
    plays = []
    for play in run.playbook:
        steps: list[Step] = []
        for host in play.hosts(view):
            resources = play.desired(view, host)
            steps += fold(
                host.name,
                resources,
                answers(resources, seen.get(host.name, {})),
                changed.setdefault(host.name, set()),
            )
        plays.append(PlayPlan(play.title, tuple(steps)))
    return Plan(tuple(plays))


def stop_for(errors: Mapping[str, ProvisionerError]) -> None:
    """Before the first change, a host that fails stops the run: all of them are named."""
    if not errors:
        return
    if len(errors) == 1:
        raise next(iter(errors.values()))
    first = next(iter(errors.values()))
    text = "\n".join(f"{error.message}\n  {error.details}".rstrip() for error in errors.values())
    raise type(first)(f"{len(errors)} machines failed: {', '.join(errors)}", details=text, hint=first.hint)


def _not_converged(step: Step) -> StepError:
    if step.change.waits_for:
        return StepError(f"{step.host}: {step.change.summary}: still not known: {step.change.waits_for}")
    return StepError(
        f"{step.host}: did not converge: {step.change.summary} is still to be done after it was done",
        details=step.change.diff,
        hint="Something else on that machine undoes it, or it has not come to rest: run the same command again.",
    )


def _report(
    run: Run, result: str, steps: Iterable[Step], errors: Mapping[str, ProvisionerError], began_s: float
) -> Report:
    done = list(steps)
    seconds = time.monotonic() - began_s
    hosts = {
        host: HostReport(
            changed=sum(step.host == host for step in done),
            failed=int(host in errors),
            round_trips=transport.round_trips,
            seconds=round(transport.seconds, 3),
            detail=errors[host].message if host in errors else "",
        )
        for host, transport in run.fleet.transports.items()
    }
    return Report(result, changed=len(done), hosts=hosts, seconds=round(seconds, 3))
