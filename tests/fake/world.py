"""A world to run the engine in: machines, the cluster they share, and what was heard. World in, run, world out."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

from provisioner.core.command import Command, Result
from provisioner.core.objects import Objects
from provisioner.core.plan import Plan
from provisioner.core.report import Event
from provisioner.engine import loop
from provisioner.engine.fleet import Fleet
from provisioner.engine.loop import Outcome, Run
from provisioner.engine.run_lock import RunLock
from provisioner.engine.selection import Selection, left_out
from provisioner.engine.session import Session
from provisioner.errors import ProvisionerError
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import ManifestNetwork
from provisioner.inventory.values import Secret
from provisioner.plays.procedure import Procedure
from provisioner.procedures.bring_up import BRING_UP
from provisioner.procedures.network_replace import NETWORK_REPLACE
from provisioner.transports.protocol import no_listener
from provisioner.world import lock
from provisioner.world.lock import Holder
from provisioner.world.view import View
from tests import builders
from tests.fake.background import pass_moment
from tests.fake.cluster import FakeCluster
from tests.fake.repositories import FakeRepository
from tests.fake.state import Clock, Machine
from tests.fake.transport import FakeTransport, OnMoment, Twist, honest

BUNDLE = builders.bundle()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word)


class AtOnce(Executor):
    """Does the work when it is submitted, so that every run is the same."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass
class Scene:
    """Everything that exists: what is left when the run that works on it is killed."""

    clock: Clock = field(default_factory=Clock)
    cluster: FakeCluster = field(default_factory=FakeCluster)
    machines: dict[str, Machine] = field(default_factory=dict)
    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    runs: int = 0


@dataclass
class World:
    """The machines of an inventory, and runs of ours on them. `on_moment` is called wherever a kill may land.

    `running` is what an earlier run has left running on one machine: its name, and the world when that is through.
    """

    desired: Cluster
    scene: Scene = field(default_factory=Scene)
    executor: Executor = field(default_factory=AtOnce)
    on_moment: OnMoment = no_listener
    twist: Twist = honest
    running: tuple[str, bytes] | None = None
    transports: dict[str, FakeTransport] = field(default_factory=dict)
    heard: list[Event] = field(default_factory=list)
    bundle_for: list[str] = field(default_factory=list)
    policy: str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
    network: Objects = field(default_factory=builders.network_objects)
    session: Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.grow(self.desired)

    @classmethod
    def thawed(cls, desired: Cluster, frozen: bytes) -> World:
        """The world as it was when it was frozen."""
        return cls(desired, pickle.loads(frozen))  # noqa: S301 - our own

    def frozen(self) -> bytes:
        """The world as it is, to come back to."""
        return pickle.dumps(self.scene)

    @property
    def machines(self) -> dict[str, Machine]:
        """The machines by name."""
        return self.scene.machines

    @property
    def cluster(self) -> FakeCluster:
        """The cluster that they share."""
        return self.scene.cluster

    def grow(self, desired: Cluster) -> None:
        """Another inventory; machines that it adds are fresh."""
        self.desired = desired
        scene = self.scene
        for host in desired.hosts:
            if host.name not in scene.machines:
                fresh = Machine(host.name, host.address, scene.clock, scene.cluster, scene.machines)
                fresh.repositories = scene.repositories
                scene.machines[host.name] = fresh

    def plan(self, *, only: str = "", skip: str = "", **changes: Any) -> Outcome:
        """What `provisioner plan` does; `only` and `skip` are titles of plays, separated by commas."""
        session = self.begin(only, skip, **changes)
        return loop.plan(session.run, session.view)

    def apply(self, agreed: Plan | None = None, *, only: str = "", skip: str = "", **changes: Any) -> Outcome:
        """What `provisioner apply` does, with a plan that was saved or without."""
        session = self.begin(only, skip, **changes)
        return loop.apply(session.run, session.view, self, agreed)

    def replace_network(self, **changes: Any) -> Outcome:
        """What `provisioner network replace --yes` does."""
        session = self.begin(procedure=NETWORK_REPLACE, **changes)
        return loop.apply(session.run, session.view, self)

    def replace_network_plan(self, **changes: Any) -> Outcome:
        """What `provisioner network replace --plan` does."""
        session = self.begin(procedure=NETWORK_REPLACE, **changes)
        return loop.plan(session.run, session.view)

    def done(self) -> dict[str, list[str]]:
        """What was done on each machine that anything was done on."""
        return {name: transport.done for name, transport in self.transports.items() if transport.done}

    def pause(self, seconds: float) -> None:
        """A run that waits between two looks."""
        self.pass_time(int(seconds))

    def _pause(self, seconds: float) -> None:
        self.pause(seconds)

    def pass_time(self, seconds: int) -> None:
        """Time passes, and no run does anything."""
        for _ in range(seconds):
            pass_moment(next(iter(self.machines.values())))

    def begin(
        self,
        only: str = "",
        skip: str = "",
        procedure: Procedure = BRING_UP,
        **changes: Any,
    ) -> Session:
        """A session such as every command has."""
        desired = procedure.aimed(self.desired)
        view = replace(self._view(**changes), cluster=desired, asked=procedure.asks)
        names = view.limit | {host.name for host in self.desired.control_planes}
        self.transports = {
            name: FakeTransport(partial(self.machines.__getitem__, name), self._moment, self._settle, self._twisted)
            for name in self.machines
            if name in names
        }
        titles = left_out(procedure, Selection(only=_words(only), skip=_words(skip)))
        fleet = Fleet(
            self.transports,
            self.executor,
            lambda: self.scene.clock.now_s,
            self.heard.append,
            lambda seconds: self.pause(seconds),
        )
        run = Run(procedure, fleet, self.heard.append, titles)
        self.session = Session(desired, view.materials.bundle, run, view)
        return self.session

    def _twisted(self, host: str, command: Command, result: Result) -> Result:
        return self.twist(host, command, result)

    def _moment(self, host: str) -> None:
        self.on_moment(host)

    def _settle(self, host: str) -> None:
        """What has been left running there comes to its end."""
        if self.running is None or self.running[0] != host:
            return
        after, self.running = World.thawed(self.desired, self.running[1]), None
        taken = {path: file for path, file in self.machines[host].files.items() if path == lock.PATH}
        for name in (
            "files",
            "packages",
            "units",
            "images",
            "digests",
            "containers",
            "modules",
            "settings",
            "swap",
            "routes",
            "links",
            "firewall",
        ):
            setattr(self.machines[host], name, getattr(after.machines[host], name))
        self.machines[host].files |= taken
        vars(self.cluster).update(vars(after.cluster))
        self.scene.clock.now_s = max(self.scene.clock.now_s, after.scene.clock.now_s)

    def _view(self, **changes: Any) -> View:
        self.pass_time(1)
        self.scene.runs += 1
        number = self.scene.runs
        usual = builders.changed(
            View(self.desired),
            bundle=BUNDLE if self.desired.settings.uses_bundle else None,
            bundle_key="-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
            join_token=Secret(f"run{number:03}.0123456789abcdef", "join token"),
            now_s=self.scene.clock.now_s,
            limit=frozenset(host.name for host in self.desired.hosts),
            run=f"run{number}",
            files={path: self.policy for path in (self.desired.settings.audit_policy,) if path},
            network=self.network if isinstance(self.desired.settings.network, ManifestNetwork) else None,
        )
        return builders.changed(usual, **changes)

    def lock(self, fleet: Fleet, view: View) -> AbstractContextManager[RunLock]:
        """The lock as a session takes it, but for what lies on the machine that the run is started from."""
        control_planes = {host.name: fleet.transports[host.name] for host in view.cluster.control_planes}
        procedure = self.session.run.procedure
        holder = Holder(view.materials.run, "anna", "laptop", procedure.name, int(view.observed.now_s))
        return RunLock(control_planes, holder, lambda run: True, self.heard.append, procedure.needed_locks)

    def is_abandoned(self, holder: Holder | None) -> bool:
        """A lock that is found belongs to a dead run: two runs at once do not occur here."""
        return holder is not None

    @contextmanager
    def open_bundle(self, fleet: Fleet, hosts: Iterable[str]) -> Iterator[Mapping[str, ProvisionerError]]:
        """As a session does it, with a bundle whose files are never opened."""
        self.bundle_for = list(hosts)
        with (
            patch("provisioner.engine.session.reading.require_whole"),
            self.session.open_bundle(fleet, self.bundle_for) as errors,
        ):
            yield errors
