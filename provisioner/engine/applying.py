"""An apply in progress: what is known, what was done, and which hosts have dropped out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import TypeVar

from provisioner.core.plan import Plan, Step, fold
from provisioner.core.report import HostReport, Listener, PhaseBegan
from provisioner.core.resource import Resource
from provisioner.engine.fleet import Fleet
from provisioner.engine.gathering import Seen, answers, look_at, see
from provisioner.engine.guard import for_each
from provisioner.engine.steps import Ran, run_steps
from provisioner.errors import ProvisionerError, StepError, UnreachableError
from provisioner.plays.play import AnyPlay, Subject
from provisioner.plays.procedure import Batch
from provisioner.transports.protocol import Transport
from provisioner.world.look import Section
from provisioner.world.quorum import lost_quorum
from provisioner.world.view import View

T = TypeVar("T")
# How many times the steps of a play may lead to new steps.
_ROUNDS = 3


class Work:
    """Runs play after play. A host that fails drops out; the others go on as far as that is safe without it."""

    def __init__(
        self,
        fleet: Fleet,
        view: View,
        seen: Seen,
        listen: Listener,
        errors: Mapping[str, ProvisionerError],
        planned: Plan = Plan(()),  # noqa: B008 - a value that cannot change
        agreed: Plan | None = None,
        *,
        needs_quorum: bool = True,
    ) -> None:
        """`errors` are those of hosts that have dropped out already; beyond what was `agreed`, nothing is done."""
        self.fleet = fleet
        self.view = view
        self.seen = seen
        self.listen = listen
        self.errors = dict(errors)
        self.planned = planned
        self.passed_over: dict[str, ProvisionerError] = {}
        self.done: list[Step] = []
        self.is_through = False
        self._needs_quorum = needs_quorum
        self._is_agreed = agreed is not None
        self._allowed = {(step.subject, step.key) for step in (agreed or planned).steps}

    def play(self, play: AnyPlay, batch: Batch = ()) -> None:
        """Run the steps of a play until no step is left; with a `batch`, only the steps of its subjects.

        A step that is left may be new, because something has changed meanwhile (a node has appeared late, and now
        needs a route): it is done too. If the same step is left again, doing it does not help.
        """
        tried: set[Step] = set()
        for _ in range(_ROUNDS):
            if not self.leads and not play.leaderless:
                return
            steps = self.steps(play, batch)
            # In order: a step after an unknown one was not tried, and is not the cause.
            for step in (step for step in steps if step in tried):
                self._fail(step.subject, _not_converged(step))
            for step in steps:
                self._require_agreed(step)
            steps = tuple(step for step in steps if step.subject not in self.errors)
            if not steps:
                return
            self.listen(PhaseBegan(play.title, tuple(dict.fromkeys(step.subject for step in steps))))
            self._look_again(self._execute(play, steps))
            tried |= set(steps)
        for step in self.steps(play, batch):
            self._fail(step.subject, _not_converged(step))

    def drop(self, errors: Mapping[str, ProvisionerError]) -> None:
        """These hosts have failed: nothing more is done there."""
        for host, error in errors.items():
            self._fail(host, error)

    def pass_over(self, errors: Mapping[str, ProvisionerError]) -> None:
        """Nothing is done there any more, although nothing is wrong with them."""
        self.passed_over |= errors
        self.view = replace(self.view, limit=self.view.limit - errors.keys())

    @property
    def unfinished(self) -> dict[str, ProvisionerError]:
        """The subjects that did not get to their end, and why."""
        return {**self.errors, **self.passed_over}

    @property
    def leads(self) -> bool:
        """Whether a control plane is left to work through."""
        return self.view.leader.name not in self.view.lost

    def left(self) -> dict[str, int]:
        """How many planned steps each host still has to do, for hosts that did not finish."""
        done = {(step.subject, step.key) for step in self.done}
        left = Counter(step.subject for step in self.planned.steps if (step.subject, step.key) not in done)
        stopped = not self.is_through or not self.leads
        return {host: number for host, number in left.items() if stopped or host in self.unfinished}

    def host_reports(self) -> dict[str, HostReport]:
        """What was done on each host, what that cost, and what is left."""
        left, ended = self.left(), self.unfinished
        changed, transports = Counter(step.subject for step in self.done), self.fleet.transports
        return {
            name: HostReport(
                changed=changed[name],
                failed=int(name in ended),
                left=left.get(name, 0),
                round_trips=transports[name].round_trips if name in transports else 0,
                seconds=round(transports[name].seconds, 3) if name in transports else 0.0,
                detail=ended[name].message if name in ended else "",
            )
            for name in dict.fromkeys((*transports, *changed, *ended, *left))
        }

    def steps(self, play: AnyPlay, batch: Batch = ()) -> tuple[Step, ...]:
        """What a play has to do now, of those subjects."""
        view = self.view
        chosen: tuple[Subject, ...] = self.on_leader(play.subjects, ())
        subjects = {one.name: one for one in chosen if one.name not in self.errors and (not batch or one.name in batch)}
        if not subjects:
            return ()
        at = play.place(view)
        desired = self._each(subjects, lambda name: play.desired(view, subjects[name]))
        looked_at: dict[str, list[Resource]] = {}
        for name, resources in desired.items():
            looked_at.setdefault(at or name, []).extend(resources)
        self.drop(see(self.fleet, looked_at, self.seen))
        compared = [name for name in desired if not {name, at} & self.errors.keys()]
        steps = self._each(compared, partial(_compared, desired, self.seen, at))
        return tuple(step for own in steps.values() for step in own)

    def on_leader(self, compute: Callable[[View], T], otherwise: T) -> T:
        """What follows from the view as a whole; where it cannot be computed, the leader drops out."""
        leader, view = self.view.leader.name, self.view
        return self._each([leader], lambda _: compute(view)).get(leader, otherwise)

    def _each(self, hosts: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
        """The result of each host; a host without a result drops out."""
        found = for_each(hosts, work, self.listen)
        self.drop(found.bad)
        return found.good

    def _execute(self, play: AnyPlay, steps: tuple[Step, ...]) -> set[str]:
        """Run the steps, each subject's in order; the hosts that may be different now."""
        work: dict[str, dict[str, list[Step]]] = {}
        for one in steps:
            work.setdefault(one.place, {}).setdefault(one.subject, []).append(one)
        known = {
            place: {name: list(takewhile(lambda one: not one.change.waits_for, own)) for name, own in subjects.items()}
            for place, subjects in work.items()
        }
        results = self.fleet.each(work, partial(_run_at, known, self.listen), play.at_once)
        self.drop(results.bad)
        for place, subjects in results.good.items():
            for name, ran in subjects.items():
                self.done += ran.done
                if ran.error:
                    # A lost connection is the fault of the host at its end, and not of what was worked on from there.
                    self._fail(place if isinstance(ran.error, UnreachableError) else name, ran.error)
        return {one.place for one in steps} | {one.subject for one in steps if one.subject in self.fleet.transports}

    def _look_again(self, hosts: Iterable[str]) -> None:
        """Look again: what was seen on these hosts, and of the cluster, is out of date."""
        for host in {*hosts, self.view.leader.name} - set(self.errors):
            self.seen.pop(host, None)
        self.look(hosts)

    def ask(self, questions: tuple[Section, ...]) -> None:
        """Every look from now on has these questions too."""
        self.view = replace(self.view, asked=tuple(dict.fromkeys((*self.view.asked, *questions))))

    def look(self, names: Iterable[str]) -> None:
        """Look at these hosts and at the cluster, to which nodes belong that are not in the inventory."""
        new = {*names, self.view.leader.name}
        seen: set[str] = set()
        # The leader of before may be lost, or its API server silent: then another one is asked.
        while new := (new - seen - self.errors.keys()) & self.fleet.transports.keys():
            self.view, errors = look_at(self.fleet, self.view, new)
            self.drop(errors)
            seen, new = seen | new, {self.view.leader.name}

    def _require_agreed(self, step: Step) -> None:
        beyond = not step.change.own and (step.subject, step.key) not in self._allowed
        if beyond and (self._is_agreed or step.change.resets):
            plan = "the plan that was agreed on" if self._is_agreed else "the plan"
            self._fail(step.subject, _not_planned(step, plan))

    def _fail(self, host: str, error: ProvisionerError) -> None:
        """A host that failed drops out: nothing more is done on it, and nothing waits for it."""
        self.errors.setdefault(host, error)
        self.view = self.view.without({host})
        if self._needs_quorum and (reason := lost_quorum(self.view)):
            self.errors.setdefault(self.view.leader.name, UnreachableError(reason, hint=error.hint))
            self.view = self.view.without({one.name for one in self.view.cluster.control_planes})


def _compared(desired: Mapping[str, tuple[Resource, ...]], seen: Seen, at: str, subject: str) -> tuple[Step, ...]:
    told = answers(desired[subject], seen.get(at or subject, {}))
    return fold(subject, desired[subject], told, set(), at)


def _run_at(
    steps: Mapping[str, Mapping[str, list[Step]]], listen: Listener, place: str, transport: Transport
) -> dict[str, Ran]:
    """The steps of every subject, one subject after the other: the failure of one stops no other one."""
    found: dict[str, Ran] = {}
    for subject, own in steps[place].items():
        found[subject] = run_steps(transport, own, listen)
        if isinstance(found[subject].error, UnreachableError):
            break
    return found


def _not_converged(step: Step) -> StepError:
    if step.change.waits_for:
        return StepError(
            f"{step.subject}: {step.change.summary}: still not known: {step.change.waits_for}",
            hint="An earlier step has failed, or the API server does not answer: fix that, and run the same command "
            "again.",
        )
    return StepError(
        f"{step.subject}: did not converge: {step.change.summary} is still to be done after it was done",
        details=step.change.diff,
        hint="Something else on that host undoes it, or its state is still changing: run the same command again.",
    )


def _not_planned(step: Step, plan: str) -> StepError:
    return StepError(
        f"{step.subject}: {step.change.summary}: is needed now, but is not in {plan}",
        details=step.change.diff,
        hint="Make a new plan and look at it: `provisioner plan -o FILE`.",
    )
