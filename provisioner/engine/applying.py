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
from provisioner.errors import ProvisionerError, StepError
from provisioner.plays.play import Play
from provisioner.transports.protocol import Transport
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
    ) -> None:
        """`errors` are those of hosts that have dropped out already; beyond what was `agreed`, nothing is done."""
        self.fleet = fleet
        self.view = view
        self.seen = seen
        self.listen = listen
        self.errors = dict(errors)
        self.planned = planned
        self.done: list[Step] = []
        self.is_through = False
        self._is_agreed = agreed is not None
        self._allowed = {(step.host, step.key) for step in (agreed or planned).steps}

    def play(self, play: Play) -> None:
        """Run the steps of a play until no step is left.

        A step that is left may be new, because something has changed meanwhile (a node has appeared late, and now
        needs a route): it is done too. If the same step is left again, doing it does not help.
        """
        tried: set[Step] = set()
        for _ in range(_ROUNDS):
            if self.view.leader.name in self.errors and not play.leaderless:
                return
            steps = self._steps(play)
            # In order: a step after an unknown one was not tried, and is not the cause.
            for step in (step for step in steps if step in tried):
                self._fail(step.host, _not_converged(step))
            for step in steps:
                self._require_agreed(step)
            steps = tuple(step for step in steps if step.host not in self.errors)
            if not steps:
                return
            self.listen(PhaseBegan(play.title, tuple(dict.fromkeys(step.host for step in steps))))
            self._look_again(self._execute(play, steps))
            tried |= set(steps)
        for step in self._steps(play):
            self._fail(step.host, _not_converged(step))

    def drop(self, errors: Mapping[str, ProvisionerError]) -> None:
        """These hosts have failed: nothing more is done there."""
        for host, error in errors.items():
            self._fail(host, error)

    def left(self) -> dict[str, int]:
        """How many planned steps each host still has to do, for hosts that did not finish."""
        done = {(step.host, step.key) for step in self.done}
        left = Counter(step.host for step in self.planned.steps if (step.host, step.key) not in done)
        stopped = not self.is_through or self.view.leader.name in self.errors
        return {host: number for host, number in left.items() if stopped or host in self.errors}

    def host_reports(self) -> dict[str, HostReport]:
        """What was done on each host, what that cost, and what is left."""
        left = self.left()
        return {
            host: HostReport(
                changed=sum(step.host == host for step in self.done),
                failed=int(host in self.errors),
                left=left.get(host, 0),
                round_trips=transport.round_trips,
                seconds=round(transport.seconds, 3),
                detail=self.errors[host].message if host in self.errors else "",
            )
            for host, transport in self.fleet.transports.items()
        }

    def _steps(self, play: Play) -> tuple[Step, ...]:
        leader, view = self.view.leader.name, self.view
        chosen = self._each([leader], lambda _: play.hosts(view)).get(leader, ())
        hosts = {host.name: host for host in chosen if host.name not in self.errors}
        desired = self._each(hosts, lambda name: play.desired(view, hosts[name]))
        self.drop(see(self.fleet, desired, self.seen))
        compared = [name for name in desired if name not in self.errors]
        steps = self._each(compared, partial(_compared, desired, self.seen))
        return tuple(step for own in steps.values() for step in own)

    def _each(self, hosts: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
        """The result of each host; a host without a result drops out."""
        found = for_each(hosts, work, self.listen)
        self.drop(found.bad)
        return found.good

    def _execute(self, play: Play, steps: tuple[Step, ...]) -> list[str]:
        by_host: dict[str, list[Step]] = {}
        for step in steps:
            by_host.setdefault(step.host, []).append(step)
        known = {host: list(takewhile(lambda step: not step.change.waits_for, own)) for host, own in by_host.items()}
        results = self.fleet.each(by_host, partial(_run_on, known, self.listen), play.at_once)
        self.drop(results.bad)
        self.drop({host: ran.error for host, ran in results.good.items() if ran.error})
        self.done += [step for ran in results.good.values() for step in ran.done]
        return list(by_host)

    def _look_again(self, hosts: Iterable[str]) -> None:
        """Look again: what was seen on these hosts, and of the cluster, is out of date."""
        old = {*hosts, self.view.leader.name} - set(self.errors)
        for host in old:
            self.seen.pop(host, None)
        self.view, errors = look_at(self.fleet, self.view, old)
        self.drop(errors)

    def _require_agreed(self, step: Step) -> None:
        beyond = not step.change.own and (step.host, step.key) not in self._allowed
        if beyond and (self._is_agreed or step.change.resets):
            self._fail(step.host, _not_planned(step, "the plan that was agreed on" if self._is_agreed else "the plan"))

    def _fail(self, host: str, error: ProvisionerError) -> None:
        """A host that failed drops out: nothing more is done on it, and nothing waits for it."""
        self.errors.setdefault(host, error)
        self.view = replace(self.view, limit=self.view.limit - {host})


def _compared(desired: Mapping[str, tuple[Resource, ...]], seen: Seen, host: str) -> tuple[Step, ...]:
    return fold(host, desired[host], answers(desired[host], seen.get(host, {})), set())


def _run_on(steps: Mapping[str, list[Step]], listen: Listener, host: str, transport: Transport) -> Ran:
    return run_steps(transport, steps[host], listen)


def _not_converged(step: Step) -> StepError:
    if step.change.waits_for:
        return StepError(
            f"{step.host}: {step.change.summary}: still not known: {step.change.waits_for}",
            hint="An earlier step has failed, or the API server does not answer: fix that, and run the same command "
            "again.",
        )
    return StepError(
        f"{step.host}: did not converge: {step.change.summary} is still to be done after it was done",
        details=step.change.diff,
        hint="Something else on that host undoes it, or its state is still changing: run the same command again.",
    )


def _not_planned(step: Step, plan: str) -> StepError:
    return StepError(
        f"{step.host}: {step.change.summary}: is needed now, but is not in {plan}",
        details=step.change.diff,
        hint="Make a new plan and look at it: `provisioner plan -o FILE`.",
    )
