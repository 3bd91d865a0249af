"""What procedures can be besides those that there are: to another version, about nodes that are in no inventory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.core.resource import Resource
from provisioner.engine import loop, plan_file
from provisioner.engine.fleet import Fleet
from provisioner.engine.loop import Outcome
from provisioner.engine.selection import Selection
from provisioner.errors import LockHeldError
from provisioner.inventory.model import Host
from provisioner.inventory.values import Version
from provisioner.plays.play import Play, leader
from provisioner.plays.procedure import Block, Procedure, Rolling
from provisioner.procedures import named
from provisioner.resources.node_networks import NodeNetwork
from provisioner.world.nodes import NodeState
from provisioner.world.view import View
from provisioner.world.workloads import NODE_NETWORK
from tests.builders import cluster, host
from tests.fake.cluster import FakeNode
from tests.fake.world import World

HOSTS = (host("cp1", "10.0.0.11"), host("w1", "10.0.0.21"))


def up() -> World:
    world = World(cluster(*HOSTS))
    assert world.apply().errors == {}
    world.cluster.nodes["gone"] = FakeNode("10.0.0.99", runtime="docker://1")
    return world


def nothing(view: View) -> tuple[()]:
    return ()


def every_node(view: View) -> tuple[NodeState, ...]:
    assert view.observed.live
    return tuple(view.observed.live.nodes.values())


def labelled(view: View, node: NodeState) -> tuple[Resource, ...]:
    return (NodeNetwork(node.name, "tried", node),)


LABEL = Play("label", every_node, labelled, at=leader)


def done(world: World, procedure: Procedure) -> Outcome:
    session = world.begin(procedure=procedure)
    return loop.apply(session.run, session.view, world)


@pytest.mark.parametrize("block", [LABEL, Rolling((LABEL,), lambda view: (("gone",), ("w1", "cp1")))])
def test_a_subject_may_be_in_no_inventory_and_out_of_reach(block: Block) -> None:
    """What is done about it is done at the leader, all at once or in its own batch."""
    world = up()
    outcome = done(world, Procedure("label", (block,), nothing))
    assert outcome.errors == {}
    assert [step.place for step in outcome.plan.steps if step.subject == "gone"] == ["cp1"]
    assert all(node.labels[NODE_NETWORK] == "tried" for node in world.cluster.nodes.values())
    assert outcome.report.hosts["gone"].changed == 1
    assert outcome.report.hosts["gone"].round_trips == 0


def test_a_procedure_goes_to_its_own_version() -> None:
    wanted = Version(1, 20, 15)
    seen: list[Version] = []

    def watching(view: View, one: Host) -> tuple[Resource, ...]:
        seen.append(view.cluster.settings.kubernetes_version)
        return ()

    watch = Play("watch", lambda view: view.hosts, watching)
    world = World(cluster(*HOSTS))
    session = world.begin(procedure=Procedure("watch", (watch,), nothing, target=wanted))
    loop.plan(session.run, session.view)
    assert set(seen) == {wanted}
    assert world.desired.settings.kubernetes_version != wanted, "the inventory stays as it is"


def test_a_saved_plan_knows_the_procedure_and_its_version(tmp_path: Path) -> None:
    aimed = named("apply", Version(1, 20, 15))
    # Its own rules say that the bundle holds another version.
    session = World(cluster(*HOSTS)).begin(procedure=replace(aimed, rules=nothing))
    outcome = loop.plan(session.run, session.view)
    plan_file.save(tmp_path / "a.plan", plan_file.of(outcome.plan, outcome.view, aimed, Selection()))
    assert json.loads((tmp_path / "a.plan").read_text())["target"] == "1.20.15"
    read = plan_file.load(tmp_path / "a.plan")
    assert named(read.procedure, read.target) == aimed
    plan_file.require_unchanged(read, aimed.aimed(cluster(*HOSTS)), session.bundle)


class Lost:
    """A run lock that is lost after it was asked for so many times."""

    def __init__(self, after: int) -> None:
        self.left = after

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LockHeldError("the run lock was taken over")


def test_a_run_that_loses_its_lock_begins_no_other_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    world = up()
    turns = (("w1",), ("gone",), ("cp1",))
    procedure = Procedure("label", (Rolling((LABEL,), lambda view: turns),), nothing)
    session = world.begin(procedure=procedure)

    @contextmanager
    def lock(fleet: Fleet, view: View) -> Iterator[Lost]:
        yield Lost(2)

    monkeypatch.setattr(world, "lock", lock)
    outcome = loop.apply(session.run, session.view, world)
    assert outcome.errors["cp1"].message == "the run lock was taken over"
    assert [name for name, node in world.cluster.nodes.items() if NODE_NETWORK in node.labels] == ["w1", "gone"]
    assert outcome.report.hosts["cp1"].left == 1
