"""What restarts something on nodes that carry pods is done on a few at a time, and a mistake ends on the first one."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.report import PhaseBegan, Waiting
from provisioner.inventory.model import Cluster
from provisioner.plays.rolling import at_once
from tests.builders import cluster, host
from tests.fake.services import DOCKER, stop
from tests.fake.world import World

CHANGED = {"runtime": {"log_max_size": "50m"}}


def fleet(workers: int, **settings: Any) -> Cluster:
    hosts = [host(f"w{number:02}", f"10.0.0.{20 + number}") for number in range(1, workers + 1)]
    return cluster(host("cp1", "10.0.0.11"), *hosts, **settings)


def up(workers: int) -> World:
    world = World(fleet(workers))
    assert world.apply().errors == {}
    return world


def restarting(world: World) -> list[tuple[str, ...]]:
    """The nodes of each turn of the container runtime's play."""
    return [
        event.hosts for event in world.heard if isinstance(event, PhaseBegan) and event.title == "container runtime"
    ]


@pytest.mark.parametrize(
    ("most", "turns"),
    [
        (None, [("w01",), ("w02",), ("w03",), ("w04",), ("cp1",)]),
        (3, [("w01", "w02", "w03"), ("w04",), ("cp1",)]),
        ("50%", [("w01", "w02"), ("w03", "w04"), ("cp1",)]),
        ("100%", [("w01", "w02", "w03", "w04"), ("cp1",)]),
    ],
)
def test_a_changed_setting_restarts_so_many_at_a_time(most: int | str | None, turns: list[tuple[str, ...]]) -> None:
    world = up(4)
    world.heard.clear()
    world.grow(fleet(4, **CHANGED, **({"max_unavailable": most} if most else {})))
    assert world.apply().errors == {}
    assert restarting(world) == turns
    assert world.apply().report.changed == 0


def test_fresh_hosts_are_prepared_all_at_once() -> None:
    world = up(1)
    world.heard.clear()
    world.grow(fleet(4))
    assert world.apply().errors == {}
    assert restarting(world) == [("w02", "w03", "w04")]


def test_a_mistake_ends_on_the_first_node() -> None:
    world = up(3)
    world.grow(fleet(3, **CHANGED))
    world.machines["w01"].trouble["systemctl restart docker"] = 1
    outcome = world.apply()
    assert set(outcome.errors) == {"w01", "w02", "w03", "cp1"}
    assert outcome.errors["cp1"].message == "cp1: not begun, because w01 failed"
    assert all("50m" not in world.machines[name].read("/etc/docker/daemon.json") for name in ("w02", "w03", "cp1"))
    world.machines["w01"].trouble.clear()
    assert world.apply().errors == {}


def test_a_node_that_does_not_become_ready_again_stops_the_others() -> None:
    world = up(2)
    world.grow(fleet(2, **CHANGED))

    def break_it(machine: str) -> None:
        if "50m" in world.machines["w01"].read("/etc/docker/daemon.json"):
            world.cluster.nodes["w01"].ready = False
            world.machines["w01"].files.pop("/etc/cni/net.d/10-bridge.conflist", None)

    world.on_moment = break_it
    outcome = world.apply()
    assert "w01: still waiting after 300 s: w01 is Ready" in str(outcome.errors["w01"])
    assert outcome.errors["w02"].message == "w02: not begun, because w01 failed"


def test_a_kubelet_that_falls_silent_is_noticed_although_its_node_is_still_ready() -> None:
    """A Node object stays Ready for 40 s after the last word of its kubelet."""
    world = up(2)
    world.grow(fleet(2, **CHANGED))
    calm = world.pause

    def pause(seconds: float) -> None:
        calm(seconds)
        world.cluster.nodes["w01"].heard_s = 0

    def silence(machine: str) -> None:
        world.cluster.nodes["w01"].heard_s = 0

    world.on_moment, world.pause = silence, pause  # type: ignore[method-assign]
    outcome = world.apply()
    assert "w01: still waiting after 300 s: the kubelet of w01 reports again" in str(outcome.errors["w01"])
    assert outcome.errors["w02"].message == "w02: not begun, because w01 failed"


def test_system_pods_of_a_node_are_waited_for_and_those_of_others_are_not() -> None:
    world = up(2)
    world.grow(fleet(2, **CHANGED))
    proxies = {f"{name} kube-proxy": True for name in world.cluster.nodes}
    world.cluster.system_pods |= {**proxies, "w01 broken-before": False, " not-on-a-node": False}
    calm, turns = world.pause, list[tuple[str, ...]]()

    def restart(machine: str) -> None:
        if "50m" in world.machines["w01"].read("/etc/docker/daemon.json"):
            world.cluster.system_pods |= {"w01 kube-proxy": False, "w02 kube-proxy": False}

    def pause(seconds: float) -> None:
        calm(seconds)
        world.on_moment = lambda machine: None
        turns.append(restarting(world)[-1])
        world.cluster.system_pods |= proxies

    world.on_moment, world.pause = restart, pause  # type: ignore[method-assign]
    assert world.apply().errors == {}
    assert turns[0] == ("w01",)
    waited = [event.what for event in world.heard if isinstance(event, Waiting) and "kube-proxy" in event.what]
    assert [what.split("; ")[-1] for what in waited] == ["kube-proxy on w01 is Ready"]


def test_a_cluster_that_was_silent_before_is_repaired_and_not_waited_for() -> None:
    world = up(2)
    for machine in world.machines.values():
        stop(machine, DOCKER)
    world.cluster.api = "down"
    world.grow(fleet(2, **CHANGED))
    assert world.apply().errors == {}


SIZES = (("10%", 3, 1), ("10%", 20, 2), ("10%", 300, 30), ("34%", 3, 1), ("67%", 3, 2), ("5", 3, 5), ("1%", 0, 1))


@pytest.mark.parametrize(("most", "count", "expected"), SIZES)
def test_how_many_a_number_or_a_percentage_is(most: str, count: int, expected: int) -> None:
    assert at_once(most, count) == expected


def test_what_was_not_begun_does_not_keep_others_from_joining() -> None:
    world = up(2)
    world.grow(fleet(3, **CHANGED))
    world.machines["w01"].trouble["systemctl restart docker"] = 1
    outcome = world.apply()
    assert set(outcome.errors) == {"w01", "w02", "cp1"}
    assert world.cluster.nodes["w03"].ready
    assert outcome.report.hosts["cp1"].left > 0


def test_a_new_worker_changes_nothing_on_others_behind_a_proxy() -> None:
    proxy = {"proxy": {"http": "http://proxy.example:3128"}}
    world = World(fleet(2, **proxy))
    assert world.apply().errors == {}
    world.grow(fleet(3, **proxy))
    outcome = world.apply()
    assert outcome.errors == {}
    others = {step.change.summary for step in outcome.plan.steps if step.subject in ("w01", "w02")}
    assert others == {
        "write /usr/local/sbin/provisioner-pod-network",
        "restart provisioner-pod-network.service (/usr/local/sbin/provisioner-pod-network is newer)",
    }
