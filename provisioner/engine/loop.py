"""The loop: look at every host, compare with the desired state, show or remove the difference, look again.

`plan` and `apply` are the same up to the point where `plan` stops. What was seen stays valid until a command has run
on that host; only then is the host asked again. So a run with nothing to do costs each host one handshake, one look at
its facts and one batch of probes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from provisioner.core.plan import Plan, differences
from provisioner.core.report import Found, Listener, PhaseBegan, Report
from provisioner.engine.applying import Work
from provisioner.engine.fleet import Fleet
from provisioner.engine.gathering import Seen, look_at, see
from provisioner.engine.guard import for_all
from provisioner.engine.losses import stop_for, without
from provisioner.engine.measuring import measured
from provisioner.engine.planning import by_place, desired, planned
from provisioner.engine.repositories import ask
from provisioner.engine.rolling import roll
from provisioner.engine.selection import require_cluster, require_needs, told
from provisioner.errors import PreflightError, Problem, ProvisionerError, Severity
from provisioner.plays.procedure import Procedure, Rolling, plays_of
from provisioner.world.lock import Holder
from provisioner.world.view import View


class RunLock(Protocol):
    """The right to change the cluster."""

    def check(self) -> None:
        """LockHeldError when another run has it now; UnreachableError when a control plane does not answer."""


class Ground(Protocol):
    """What an apply needs besides the hosts."""

    def lock(self, fleet: Fleet, view: View) -> AbstractContextManager[RunLock]:
        """Keep other runs away from this cluster; LockHeldError when another run is at work."""

    def is_abandoned(self, holder: Holder | None) -> bool:
        """Whether that lock was left by a dead run."""

    def open_bundle(self, fleet: Fleet, hosts: Iterable[str]) -> AbstractContextManager[Mapping[str, ProvisionerError]]:
        """Give hosts access to the bundle; called before the first step. Returns errors by host."""


@dataclass(frozen=True, slots=True)
class Run:
    """What every part of a run needs: the procedure, the hosts, the listener, and the plays to leave out."""

    procedure: Procedure
    fleet: Fleet
    listen: Listener
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the report, the plan as it was before the first step, and the errors by host."""

    report: Report
    plan: Plan
    view: View
    errors: dict[str, ProvisionerError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Looked:
    """The result of a look at everything: what is known and seen, what would be done, which hosts did not answer.

    `left` are the steps of plays that are left out, `problems` the findings that do not stop the run.
    """

    view: View
    seen: Seen
    plan: Plan
    left: Plan
    errors: dict[str, ProvisionerError]
    problems: tuple[Problem, ...]


def plan(run: Run, view: View) -> Outcome:
    """Look at everything and report what would change. Nothing is changed."""
    began_s = time.monotonic()
    run.listen(PhaseBegan("look at the hosts", tuple(run.fleet.transports)))
    looked = _look_everywhere(run, view)
    result = "failed" if looked.errors else "changes" if looked.plan.steps else "ok"
    outcome = _outcome(result, looked, _work_on(run, looked), began_s)
    return replace(outcome, report=replace(outcome.report, changed=len(looked.plan.steps)))


def apply(run: Run, view: View, ground: Ground, agreed: Plan | None = None) -> Outcome:
    """Look, then remove the difference play by play; after each play, its hosts are looked at again.

    Before anything is changed, the cluster is locked and looked at again: another run may have changed it meanwhile.
    With `agreed`, a saved plan, only its steps are done (PreflightError names what differs), and all its hosts have to
    answer. After Ctrl-C the outcome's report says `interrupted`.
    """
    began_s = time.monotonic()
    run.listen(PhaseBegan("look at the hosts", tuple(run.fleet.transports)))
    looked = _look_everywhere(run, view)
    if not looked.plan.steps and not ground.is_abandoned(looked.view.observed.lock):
        return _outcome("failed" if looked.errors else "ok", looked, _work_on(run, looked), began_s)
    result = "ok"
    with ground.lock(run.fleet, looked.view) as run_lock:
        view = view.with_observed(answers=looked.view.observed.answers, ways=looked.view.observed.ways)
        looked = _look_everywhere(run, view, told=looked.problems, settle=True)
        _require_agreed(agreed, looked)
        work = _work_on(run, looked, agreed)
        try:
            _work(run, work, run_lock, ground)
        except KeyboardInterrupt:
            result = "interrupted"
    result = "failed" if work.unfinished and result == "ok" else result
    return _outcome(result, looked, work, began_s)


def _work_on(run: Run, looked: _Looked, agreed: Plan | None = None) -> Work:
    return Work(
        run.fleet, looked.view, looked.seen, run.listen, looked.errors, looked.plan, agreed,
        needs_quorum=run.procedure.needs_quorum,
    )  # fmt: skip


def _work(run: Run, work: Work, run_lock: RunLock, ground: Ground) -> None:
    hosts = sorted({step.place for step in work.planned.steps})
    if not hosts:
        work.is_through = True
        return
    with ground.open_bundle(run.fleet, hosts) as without_bundle:
        work.drop(without_bundle)
        try:
            _play_on(run, work, run_lock)
        except KeyboardInterrupt:
            # First cut the connections: otherwise running commands delay the cleanup that still has to be done.
            run.fleet.cut()
            raise


def _play_on(run: Run, work: Work, run_lock: RunLock) -> None:
    """Play after play, as long as we hold the run lock; when it is lost, the report says what is left."""
    for block in run.procedure.blocks:
        plays = tuple(play for play in plays_of(block) if play.title not in run.left_out)
        if isinstance(block, Rolling):
            if not roll(work, block, plays, partial(_is_ours, work, run_lock)):
                return
        else:
            for play in plays:
                if not _is_ours(work, run_lock):
                    return
                work.play(play)
    work.is_through = True


def _is_ours(work: Work, run_lock: RunLock) -> bool:
    """Whether we hold the run lock still; if not, the report says why the run ended."""
    try:
        run_lock.check()
    except ProvisionerError as error:
        work.drop({work.view.leader.name: error})
        return False
    return True


def _require_agreed(agreed: Plan | None, looked: _Looked) -> None:
    if agreed is None:
        return
    stop_for(looked.errors)
    if problems := differences(agreed, looked.plan):
        raise PreflightError(
            "the hosts have changed since the plan was made; nothing was changed",
            problems,
            hint="Make a new plan and look at it: `provisioner plan -o FILE`.",
        )


def _look_everywhere(run: Run, view: View, *, told: tuple[Problem, ...] = (), settle: bool = False) -> _Looked:
    """Connect, look, judge, probe. A worker that cannot be looked at is left out; control planes have to answer.

    `told` are findings that were shown already; with `settle`, wait for commands that earlier runs have left running.
    """
    view, errors = look_at(run.fleet, view, tuple(run.fleet.transports), run.listen if settle else None)
    view = without(run.procedure, view, errors)
    for asking in (measured, ask):
        view, unasked = asking(run.fleet, view, run.listen)
        view, errors = without(run.procedure, view, unasked), errors | unasked
    view, problems, unjudged = for_all(view, run.procedure.rules, run.listen)
    wrong = [problem for problem in problems if problem.severity is Severity.ERROR]
    for problem in problems:
        if problem not in (*told, *wrong):
            run.listen(Found(problem))
    if wrong:
        raise PreflightError(f"{len(wrong)} finding(s) to fix first; nothing was changed", wrong)
    seen: Seen = {}
    errors |= unjudged
    while True:
        view = without(run.procedure, view, errors)
        view, wants, dropped = for_all(view, partial(desired, run.procedure), run.listen)
        dropped |= see(run.fleet, by_place(wants), seen)
        # When a host drops out, other hosts may have to be asked other questions.
        if not dropped:
            plan, left, dropped = planned(run.procedure, run.left_out, wants, seen, run.listen)
        if not dropped:
            break
        errors |= dropped
    require_needs(run.procedure, plan, left)
    require_cluster(run.procedure, plan, view)
    return _Looked(view, seen, plan, left, errors, problems)


def _outcome(result: str, looked: _Looked, work: Work, began_s: float) -> Outcome:
    report = Report(
        result,
        changed=len(work.done),
        hosts=work.host_reports(),
        skipped=told(looked.left),
        seconds=round(time.monotonic() - began_s, 3),
        left_out=len(looked.left.steps),
    )
    return Outcome(report, looked.plan, work.view, work.unfinished)
