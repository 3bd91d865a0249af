"""Crash points: every world that a killed run can leave behind, and what must come of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from random import Random
from unittest.mock import patch

import pytest
from _pytest.mark import ParameterSet

from provisioner.core.plan import Step
from provisioner.core.report import Listener
from provisioner.engine.loop import Outcome
from provisioner.engine.steps import Ran, run_steps
from provisioner.inventory.model import Cluster
from provisioner.transports.protocol import Transport, no_listener
from tests.builders import cluster, host
from tests.fake.kubeadm import PKI
from tests.fake.services import KUBELET, stop
from tests.fake.snapshot import Snapshot, differences, snapshot
from tests.fake.state import Machine
from tests.fake.world import World
from tests.scenarios.repositories import with_leftovers, world_of_binaries

# Files that a run has for its own sake: half of another file, its lock, its places, the marks of init and join.
OF_A_RUN = r"\.(provisioner|new)$|/partial$|/lock$|^/run/provisioner/|^/var/lib/provisioner/run|-begun$|^/tmp/"

# `make check` tries a sample of what `make test` goes through: each has a line of its own.
SAMPLE = "crash points tried and survived, a sample of them"
ALL = "crash points tried and survived"

MANIFEST = {"type": "manifest", "manifest": "/net.yaml"}


def shares(part: int) -> list[ParameterSet]:
    """One in so many for `make check`, and all for `make test`: of what a test is parametrized with as `share`."""
    return [pytest.param(part, id="some"), pytest.param(1, id="all", marks=pytest.mark.sweep)]


@dataclass(frozen=True)
class Point:
    """Where a run had got to: `w1`, `write /etc/hosts 644`, in its third batch there."""

    machine: str
    doing: str
    number: int

    @property
    def batch(self) -> tuple[str, int]:
        """One batch of the run."""
        return self.machine, self.number

    def __str__(self) -> str:
        """For a failing test."""
        return f"{self.machine}: {self.doing}"


@dataclass(frozen=True)
class Whole:
    """A run that nothing interrupts: the worlds it goes through, each once, and the one it ends in."""

    desired: Cluster
    points: Mapping[bytes, Point]
    end: Snapshot

    def after(self, point: Point) -> bytes:
        """The world when the batch that is at work at that point is through."""
        return [frozen for frozen, other in self.points.items() if other.batch == point.batch][-1]


def whole(world: World) -> Whole:
    """Apply, and freeze the world wherever a kill may land: what is frozen is what the killed run leaves."""
    points: dict[bytes, Point] = {}
    before = world.on_moment

    def see(machine: str) -> None:
        done, batches = world.transports[machine].done, world.transports[machine].batches
        points.setdefault(world.frozen(), Point(machine, done[-1] if done else "looks", len(batches)))
        before(machine)

    planned = places(world.plan().plan.steps)
    world.on_moment = see
    with recorded() as done:
        assert world.apply().errors == {}
    assert places(done) <= planned
    world.on_moment = no_listener
    return Whole(world.desired, points, ended(world))


def ended(world: World) -> Snapshot:
    """The world when it has come to rest."""
    world.pass_time(2)
    return snapshot(world.scene)


def left_behind(world: World) -> list[str]:
    """What no run may leave: a token, a lock, half a file, a way to the bundle, a process of an older configuration."""
    found = [f"token {name}" for name in world.cluster.tokens]
    for machine in world.machines.values():
        found += [f"{machine.name}: {path}" for path in machine.files if re.search(OF_A_RUN, path)]
        found += _unfit_links(world, machine)
        for name, unit in machine.units.items():
            old = {path for path, text in unit.runs_with.items() if path != "unit" and text != machine.read(path)}
            old |= {"its unit"} if unit.active and unit.loaded != machine.read(machine.unit_file(name) or "") else set()
            found += [f"{machine.name}: {name} runs with an older {path}" for path in sorted(old)]
    return found


def _unfit_links(world: World, machine: Machine) -> list[str]:
    """A bridge with an address outside of the node's pod CIDR: no pod can start there."""
    node = world.cluster.nodes.get(machine.name)
    nets = {name: str(IPv4Interface(address).network) for name, address in machine.links.items()}
    return [f"{machine.name}: {name} of {net}" for name, net in nets.items() if node is None or net != node.pod_cidr]


def places(steps: Iterable[Step]) -> set[tuple[str, str]]:
    """Where something is done. What runs do for themselves needs no announcement in the plan; and no plan can know that
    a node comes back by itself during the run, with an old bridge.
    """
    return {(step.subject, step.key) for step in steps if not step.change.own and not step.key.startswith("old ")}


@contextmanager
def recorded() -> Iterator[list[Step]]:
    """The steps that runs have done in this block."""
    done: list[Step] = []

    def recording(transport: Transport, steps: Sequence[Step], listen: Listener) -> Ran:
        ran = run_steps(transport, steps, listen)
        done.extend(ran.done)
        return ran

    with patch("provisioner.engine.applying.run_steps", recording):
        yield done


def applied(world: World, place: object = "") -> Outcome:
    """Apply, which does no more than it has planned; `plan` would have said the same (test_plans_keep_their_word)."""
    with recorded() as done:
        outcome = world.apply()
    assert places(done) <= places(outcome.plan.steps), place
    return outcome


def must_recover(world: World, end: Snapshot, place: object) -> None:
    """The same command again ends as the uninterrupted run did, and a third time it finds nothing to do."""
    again = applied(world, place)
    assert {host: f"{error.message}\n{error.details}" for host, error in again.errors.items()} == {}, place
    third = world.apply()
    assert third.report.result == "ok", place
    assert world.done() == {}, place
    assert {told.round_trips for told in third.report.hosts.values()} == {2}, place
    assert differences(end, ended(world)) == [], place
    assert left_behind(world) == [], place


def dice(seed: int) -> Random:
    """Chance that can be repeated."""
    return Random(seed)  # noqa: S311 - nothing secret


def hosts(workers: int) -> Cluster:
    """One control plane and so many workers."""
    return cluster(host("cp1", "10.0.0.11"), *(host(f"w{n}", f"10.0.0.2{n}") for n in range(1, workers + 1)))


def up(workers: int = 2) -> World:
    """A cluster that has been brought up."""
    world = World(hosts(workers))
    assert world.apply().errors == {}
    return world


def changed_setting() -> World:
    """A cluster whose runtime is to be configured differently."""
    world = up()
    world.grow(cluster(*world.desired.hosts, runtime={"log_max_size": "50m"}))
    return world


def worker_added() -> World:
    """A cluster that is to get a third worker."""
    world = up()
    world.grow(hosts(3))
    return world


def in_virtualbox() -> World:
    """Machines as VirtualBox makes them, with a network of smaller MTU beside the NAT that is the same on all."""
    world = World(hosts(2))
    for machine in world.machines.values():
        machine.nics = {"eth0": ("10.0.2.15/24", 1500), "eth1": (f"{machine.address}/24", 1500)}
        machine.path_mtu = 1400
    return world


def with_containerd() -> World:
    """Machines on which nothing runs yet, for containerd."""
    return World(cluster(*hosts(2).hosts, runtime={"type": "containerd"}))


def with_manifest() -> World:
    """Machines on which nothing runs yet, for a network plug-in from a manifest."""
    return World(cluster(*hosts(2).hosts, network=MANIFEST))


def failed(host: str, part: str) -> World:
    """A bring-up in which a command has failed on one machine; what was wrong is fixed."""
    world = World(hosts(2))
    world.machines[host].trouble[part] = 1
    assert list(world.apply().errors) == [host]
    world.machines[host].trouble.clear()
    return world


def killed(place: str) -> World:
    """A bring-up that was killed just before that place was through."""
    run = whole(World(hosts(2)))
    return World.thawed(run.desired, [world for world, point in run.points.items() if place in str(point)][-1])


def node_deleted() -> World:
    """A worker whose node was deleted: it is reset, and gets another pod CIDR."""
    world = up()
    stop(world.machines["w1"], KUBELET)
    del world.cluster.nodes["w1"]
    return world


def node_came_back() -> World:
    """A worker whose Node object was deleted while its kubelet ran: it is there again, with another pod CIDR."""
    world = up()
    del world.cluster.nodes["w1"]
    world.cluster.pods["w1"] = ["shop web-1 10.244.1.7", "shop web-2 10.244.1.8", "kube-system agent-1 10.244.1.9"]
    world.pass_time(2)
    return world


def made_again() -> World:
    """A control plane that was lost and is made again with its CA; the workers' kubelets have given up."""
    world = up()
    old = world.machines.pop("cp1")
    world.grow(world.desired)
    for path in (f"{PKI}/ca.crt", f"{PKI}/ca.key"):
        world.machines["cp1"].put(path, old.read(path), old.files[path].mode)
    for name in ("w1", "w2"):
        stop(world.machines[name], KUBELET)
    world.cluster.api = "down"
    return world


SCENARIOS: dict[str, Callable[[], World]] = {
    "one control plane and two workers": lambda: World(hosts(2)),
    "one control plane and five workers": lambda: World(hosts(5)),
    "packages from repositories": with_leftovers,
    "programs without packages": world_of_binaries,
    "a second run": up,
    "a changed setting": changed_setting,
    "one worker added": worker_added,
    "containerd": with_containerd,
    "the same NAT address on all machines": in_virtualbox,
    "a network from a manifest": with_manifest,
    "a first join that failed": lambda: failed("w1", "provisioner/join-begun join"),
    "a node that was deleted": node_deleted,
    "a node that was deleted and came back": node_came_back,
    "a control plane that is made again": made_again,
    "an init that was killed": lambda: killed("cp1: run /etc/kubernetes/provisioner/init-begun"),
}
