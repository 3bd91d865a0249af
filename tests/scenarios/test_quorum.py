"""Three control planes: one may be lost before a run or in its middle, and the others carry on; two are too many."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.report import Found
from provisioner.engine import loop
from provisioner.engine.loop import Outcome
from provisioner.errors import UnreachableError
from provisioner.inventory.model import Role
from provisioner.plays.play import all_hosts
from provisioner.plays.procedure import Procedure
from provisioner.procedures.bring_up import BRING_UP, prepared
from provisioner.world.quorum import can_lose, majority
from tests.builders import cluster, host
from tests.fake.cluster import FakeNode
from tests.fake.world import World

NAMES = ("cp1", "cp2", "cp3")


def anything(view: object) -> tuple[()]:
    """This version does not bring up several control planes, but it works with those that there are."""
    return ()


APPLY = Procedure("apply", BRING_UP.blocks, anything)


@pytest.fixture
def world() -> World:
    """A cluster whose control planes two and three were joined by hand, as copies of the first one."""
    world = World(cluster(host("cp1", "10.0.0.11"), host("w1", "10.0.0.21")))
    assert world.apply().errors == {}
    others = [host("cp2", "10.0.0.12", role=Role.CONTROL_PLANE), host("cp3", "10.0.0.13", role=Role.CONTROL_PLANE)]
    world.grow(cluster(*world.desired.hosts, *others))
    first = world.machines["cp1"]
    for name in ("cp2", "cp3"):
        for field in ("files", "packages", "units", "images", "containers", "modules", "settings"):
            setattr(world.machines[name], field, deepcopy(getattr(first, field)))
        world.cluster.nodes[name] = FakeNode(world.machines[name].address, runtime="docker://1")
    world.pass_time(2)
    settled = apply(world)
    assert settled.errors == {}
    assert apply(world).report.changed == 0
    return world


def apply(world: World, procedure: Procedure = APPLY) -> Outcome:
    session = world.begin(procedure=procedure)
    return loop.apply(session.run, session.view, world)


def with_a_change(world: World) -> World:
    world.grow(cluster(*world.desired.hosts, runtime={"log_max_size": "50m"}))
    return world


@pytest.mark.parametrize("lost", NAMES)
def test_one_that_is_dead_does_not_end_a_run(world: World, lost: str) -> None:
    with_a_change(world).machines[lost].up = False
    outcome = apply(world)
    assert list(outcome.errors) == [lost]
    assert outcome.view.leader.name == next(name for name in NAMES if name != lost)
    assert all("50m" in world.machines[name].read("/etc/docker/daemon.json") for name in {*NAMES, "w1"} - {lost})
    world.machines[lost].up = True
    assert apply(world).errors == {}


@pytest.mark.parametrize("lost", [("cp1", "cp2"), ("cp2", "cp3"), ("cp1", "cp3")])
def test_a_lost_majority_does_and_is_counted(world: World, lost: tuple[str, str]) -> None:
    with_a_change(world)
    for name in lost:
        world.machines[name].up = False
    with pytest.raises(UnreachableError) as error:
        apply(world)
    assert str(error.value).startswith(
        f"2 of 3 control planes are lost ({', '.join(lost)}): etcd needs 2 of them for a quorum; nothing was changed"
    )
    assert world.done() == {}


@pytest.mark.parametrize("left", NAMES)
def test_what_needs_no_quorum_works_on_those_that_are_left(world: World, left: str) -> None:
    with_a_change(world)
    for name in set(NAMES) - {left}:
        world.machines[name].up = False
    prepare = Procedure("prepare", prepared(all_hosts), anything, needs_quorum=False)
    outcome = apply(world, prepare)
    assert set(outcome.errors) == set(NAMES) - {left}
    assert all("50m" in world.machines[name].read("/etc/docker/daemon.json") for name in (left, "w1"))
    warned = [event.problem.rule for event in world.heard if isinstance(event, Found)]
    assert warned.count("lock-partial") == 2


def test_but_not_without_any_control_plane(world: World) -> None:
    with_a_change(world)
    for name in NAMES:
        world.machines[name].up = False
    with pytest.raises(UnreachableError, match="3 hosts failed"):
        apply(world, Procedure("prepare", prepared(all_hosts), anything, needs_quorum=False))
    assert world.done() == {}


def test_the_leader_dies_in_the_middle_and_another_one_leads(world: World) -> None:
    with_a_change(world)

    def die(machine: str) -> None:
        if "50m" in world.machines["w1"].read("/etc/docker/daemon.json"):
            world.machines["cp1"].up = False

    world.on_moment = die
    outcome = apply(world)
    assert list(outcome.errors) == ["cp1"]
    assert outcome.view.leader.name == "cp2"
    world.machines["cp1"].up = True
    world.on_moment = lambda machine: None
    assert apply(world).errors == {}
    assert apply(world).report.changed == 0


def test_none_is_initialised_as_long_as_one_that_may_have_the_cluster_is_silent() -> None:
    hosts = [host("cp1", "10.0.0.11"), host("cp2", "10.0.0.12", role=Role.CONTROL_PLANE)]
    world = World(cluster(*hosts, host("w1", "10.0.0.21")))
    world.machines["cp2"].up = False
    with pytest.raises(UnreachableError, match="cp2"):
        apply(world)
    assert world.done() == {}


def test_when_the_first_one_cannot_be_initialised_no_other_one_begins_a_second_cluster() -> None:
    others = (host("cp2", "10.0.0.12", role=Role.CONTROL_PLANE), host("cp3", "10.0.0.13", role=Role.CONTROL_PLANE))
    world = World(cluster(host("cp1", "10.0.0.11"), *others, host("w1", "10.0.0.21")))
    world.machines["cp1"].trouble["--skip-token-print"] = 1
    outcome = apply(world)
    assert "cp1" in outcome.errors
    assert outcome.view.leader.name == "cp1"
    assert not any(world.machines[name].there("/etc/kubernetes/admin.conf") for name in ("cp2", "cp3"))
    assert not [what for name in ("cp2", "cp3") for what in world.done().get(name, []) if "init" in what]


@given(st.integers(1, 9), st.data())
def test_what_can_be_lost(size: int, data: st.DataObject) -> None:
    members = frozenset(map(str, range(size)))
    names = data.draw(st.frozensets(st.sampled_from(sorted(members))))
    assert can_lose(names, members, members) == (len(members - names) * 2 > size)
    assert majority(size) * 2 > size
    assert (majority(size) - 1) * 2 <= size
