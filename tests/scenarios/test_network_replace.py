"""One network plug-in in the place of another, node after node: the order, what stops it, and what a kill leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from provisioner.core.report import Waiting
from provisioner.networks.bridge import CONFLIST
from provisioner.resources.draining import BEFORE, DRAINED
from provisioner.world.workloads import NODE_NETWORK
from tests.builders import cluster
from tests.conftest import Tally
from tests.fake.kubectl import CLOSED
from tests.fake.snapshot import differences
from tests.fake.world import World
from tests.scenarios.sweep import ALL, MANIFEST, SAMPLE, Point, ended, hosts, shares, up

FLANNEL = "/etc/cni/net.d/10-flannel.conflist"


def with_flannel() -> World:
    """A cluster whose network is flannel, applied by provisioner."""
    world = World(cluster(*hosts(2).hosts, network={"type": "none"}))
    assert world.apply().errors == {}
    labels = {"app": "flannel"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "x", "image": "k8s.gcr.io/pause:3.2"}]},
    }
    metadata = {"namespace": "kube-flannel", "name": "kube-flannel-ds", "labels": {NODE_NETWORK: "flannel"}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    item = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
    world.cluster.objects["DaemonSet kube-flannel/kube-flannel-ds"] = json.dumps(item)
    world.pass_time(2)
    assert all(FLANNEL in machine.files for machine in world.machines.values())
    return world


WAYS: dict[str, Callable[[], tuple[World, dict[str, str]]]] = {
    "bridge to a manifest": lambda: (up(), MANIFEST),
    "flannel to bridge": lambda: (with_flannel(), {"type": "bridge"}),
    "flannel to a manifest": lambda: (with_flannel(), MANIFEST),
}


def replacing(way: str = "bridge to a manifest") -> World:
    """Machines with one network, for which another one is desired."""
    world, network = WAYS[way]()
    world.grow(cluster(*hosts(2).hosts, network=network))
    return world


def cordoned(world: World) -> set[str]:
    return {name for name, node in world.cluster.nodes.items() if CLOSED in node.taints}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_the_old_one_is_left_and_nothing_of_the_change(way: str) -> None:
    world = replacing(way)
    assert world.replace_network().errors == {}
    for name, machine in world.machines.items():
        files = {path.rpartition("/")[2] for path in machine.below("/etc/cni/net.d")}
        assert files == {"10-test-net.conflist" if "manifest" in way.split(" to ")[1] else "10-bridge.conflist"}
        assert world.cluster.nodes[name].ready
        assert not {BEFORE, DRAINED, NODE_NETWORK} & world.cluster.nodes[name].labels.keys()
    sets = [item for item in map(json.loads, world.cluster.objects.values()) if item["kind"] == "DaemonSet"]
    assert [NODE_NETWORK in json.dumps(item["spec"]) for item in sets] == [False] * len(sets)
    assert cordoned(world) == set()
    assert world.apply().report.changed == 0
    assert world.replace_network().report.changed == 0


def test_a_node_is_through_before_the_next_one_begins() -> None:
    world, seen = replacing(), []

    def look(machine: str) -> None:
        seen.append(frozenset(cordoned(world)))

    world.on_moment = look
    assert world.replace_network().errors == {}
    assert [names for number, names in enumerate(seen) if number == 0 or names != seen[number - 1]] == [
        frozenset(), frozenset({"w1"}), frozenset(), frozenset({"w2"}), frozenset(), frozenset({"cp1"}), frozenset(),
    ]  # fmt: skip


def test_the_plan_shows_the_nodes_in_their_order_and_a_run_keeps_to_it() -> None:
    world = replacing()
    plays = [(play.title, play.batch) for play in world.replace_network_plan().plan.plays]
    batches = list(dict.fromkeys(batch for _, batch in plays if batch))
    assert batches == [("w1",), ("w2",), ("cp1",)]
    assert plays[0][0] == "both networks"
    assert world.done() == {}


def test_a_node_that_cannot_be_drained_is_named_and_the_others_stay_as_they_are() -> None:
    world = replacing()
    world.machines["cp1"].trouble["drain w2"] = 1
    outcome = world.replace_network()
    assert list(outcome.errors) == ["w2"]
    assert outcome.errors["w2"].message.startswith("w2: drain: failed")
    assert outcome.report.hosts["cp1"].failed == 0
    assert outcome.report.hosts["cp1"].left > 0
    assert cordoned(world) == {"w2"}, "w1 was through, and cp1 was not begun"
    assert CONFLIST in world.machines["cp1"].files
    assert CONFLIST not in world.machines["w1"].files
    world.machines["cp1"].trouble.clear()
    assert world.replace_network().errors == {}
    assert cordoned(world) == set()
    assert world.apply().report.changed == 0


def test_a_budget_that_is_not_complete_is_waited_for_before_a_node_is_drained() -> None:
    world = replacing()
    world.cluster.budgets = ["shop web 0 2 2 3"]
    calm = world.pause

    def pause(seconds: float) -> None:
        calm(seconds)
        assert cordoned(world) == set()
        world.cluster.budgets = ["shop web 1 3 2 3"]

    world.pause = pause  # type: ignore[method-assign]
    assert world.replace_network().errors == {}
    waited = [event.what for event in world.heard if isinstance(event, Waiting) and "budget" in event.what]
    assert waited == ["the pods of the disruption budget shop/web are Ready (2 of 3)"]


def test_a_budget_that_never_becomes_complete_ends_the_run_before_a_node_is_touched() -> None:
    world = replacing()
    world.cluster.budgets = ["shop web 0 2 2 3"]
    outcome = world.replace_network()
    assert list(outcome.errors) == ["w1"]
    assert "still waiting after 300 s: the pods of the disruption budget shop/web are Ready (2 of 3)" in str(
        outcome.errors["w1"]
    )
    assert cordoned(world) == set()
    assert outcome.report.hosts["w2"].left > 0


def test_a_budget_that_is_complete_and_allows_nothing_is_left_to_the_eviction() -> None:
    world = replacing()
    world.cluster.budgets = ["shop web 0 2 2 2"]
    assert world.replace_network().errors == {}


@pytest.mark.parametrize("share", shares(25))
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_moment_the_same_command_goes_on(way: str, share: int, tally: Tally) -> None:
    world = replacing(way)
    points: dict[bytes, Point] = {}

    def see(machine: str) -> None:
        done = world.transports[machine].done
        points.setdefault(world.frozen(), Point(machine, done[-1] if done else "looks", 0))

    world.on_moment = see
    assert world.replace_network().errors == {}
    end = ended(world)
    tried = [*points.items()][::share]
    for frozen, point in tried:
        again = World.thawed(world.desired, frozen)
        assert again.replace_network().errors == {}, point
        assert again.apply().report.changed == 0, point
        assert differences(end, ended(again)) == [], point
    tally(SAMPLE if share > 1 else ALL, len(tried))
