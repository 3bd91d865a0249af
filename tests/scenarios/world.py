"""A world to run the engine in: machines, the cluster they share, and what was heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner import engine, preflight
from provisioner.core.lock import Holder
from provisioner.core.play import View
from provisioner.core.report import Event
from provisioner.engine import Outcome, Run
from provisioner.fleet import Fleet
from provisioner.inventory.model import Cluster
from provisioner.inventory.values import Secret
from provisioner.lease import Lease
from provisioner.playbooks import BRING_UP
from tests import builders
from tests.scenarios.cluster import FakeCluster
from tests.scenarios.machine import FakeMachine


class AtOnce(Executor):
    """Does the work when it is submitted, so that every run is the same."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass
class World:
    """The machines of an inventory, by name."""

    wished: Cluster
    machines: dict[str, FakeMachine] = field(default_factory=dict)
    heard: list[Event] = field(default_factory=list)
    bundle_for: list[str] = field(default_factory=list)
    runs: int = 0

    def __post_init__(self) -> None:
        cluster = FakeCluster(networked=lambda name: self.machines[name].networked)
        self.cluster = cluster
        self.grow(self.wished)

    def grow(self, wished: Cluster) -> None:
        """Another inventory; machines that it adds are fresh."""
        self.wished = wished
        for host in wished.hosts:
            self.machines.setdefault(host.name, FakeMachine(host.name, host.address, self.cluster))

    def plan(self, **changes: Any) -> Outcome:
        """What `provisioner plan` does."""
        view = self._view(**changes)
        return engine.plan(self._run(view), view)

    def apply(self, **changes: Any) -> Outcome:
        """What `provisioner apply` does."""
        view = self._view(**changes)
        return engine.apply(self._run(view), view, self)

    def done(self) -> dict[str, list[str]]:
        """What was done on each machine that anything was done on."""
        return {name: machine.done for name, machine in self.machines.items() if machine.done}

    def _run(self, view: View) -> Run:
        for machine in self.machines.values():
            machine.batches.clear()
            machine.done.clear()
        names = view.limit | {host.name for host in self.wished.control_planes}
        spoken_to = {name: machine for name, machine in self.machines.items() if name in names}
        return Run(BRING_UP, Fleet(spoken_to, AtOnce()), preflight.rules, self.heard.append)

    def _view(self, **changes: Any) -> View:
        self.runs += 1
        token = Secret(f"run{self.runs:03}.0123456789abcdef", "join token")
        return replace(
            builders.view(self.wished),
            **{"facts": {}, "states": {}, "join_token": token, "run": f"run{self.runs}", **changes},
        )

    def lock(self, fleet: Fleet, view: View) -> AbstractContextManager[Lease]:
        planes = {host.name: fleet.transports[host.name] for host in view.cluster.control_planes}
        return Lease(planes, Holder(view.run, "anna", "laptop", "apply", int(view.now_s)), is_over=lambda run: True)

    def is_abandoned(self, holder: Holder | None) -> bool:
        return holder is not None

    @contextmanager
    def open_bundle(self, fleet: Fleet, hosts: Iterable[str]) -> Iterator[None]:
        self.bundle_for = list(hosts)
        yield
