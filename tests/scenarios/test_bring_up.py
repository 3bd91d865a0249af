"""Whole runs of plan and apply on simulated machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.core.report import StepEnded
from provisioner.errors import PreflightError, Severity
from tests.builders import cluster, host
from tests.fake.state import FakeUnit
from tests.fake.world import World
from tests.scenarios.sweep import ended


def test_a_plan_changes_nothing(world: World) -> None:
    outcome = world.plan()
    assert world.done() == {}
    assert outcome.report.result == "changes"
    assert outcome.report.changed == len(outcome.plan.steps) > 30
    assert {name: told.round_trips for name, told in outcome.report.hosts.items()} == {"cp1": 3, "w1": 3, "w2": 3}


def test_from_nothing_to_a_cluster(world: World) -> None:
    outcome = world.apply()
    assert (outcome.report.result, outcome.errors) == ("ok", {})
    assert list(world.cluster.nodes) == ["cp1", "w1", "w2"]
    assert all(node.ready for node in world.cluster.nodes.values())
    assert world.bundle_for == ["cp1", "w1", "w2"]


def test_all_joined_with_the_token_of_that_run_and_none_is_left(world: World) -> None:
    world.apply()
    assert world.cluster.used == ["run001", "run001", "run001"]
    assert world.cluster.tokens == {}


def test_the_plan_names_as_many_steps_as_are_done(world: World) -> None:
    """A token that is born with the cluster is removed by a step whose commands a later look has found."""
    planned = {(step.subject, step.key) for step in world.plan().plan.steps}
    outcome = world.apply()
    done = {(ended.host, ended.title) for ended in world.heard if isinstance(ended, StepEnded)}
    assert {host for host, _ in planned} == {host for host, _ in done}
    assert outcome.report.changed == len(done)


def test_a_second_run_finds_nothing_to_do(up: World) -> None:
    outcome = up.apply()
    assert up.done() == {}
    assert (outcome.report.result, outcome.report.changed) == ("ok", 0)
    assert max(told.round_trips for told in outcome.report.hosts.values()) <= 3


def test_a_plan_after_a_run_is_empty(up: World) -> None:
    outcome = up.plan()
    assert (outcome.report.result, outcome.plan.steps) == ("ok", ())


def test_a_further_worker_joins_with_a_token_of_its_own(up: World) -> None:
    up.grow(cluster(*up.desired.hosts, host("w3", "10.0.0.23")))
    outcome = up.apply()
    assert outcome.report.result == "ok"
    assert up.cluster.used[-1] == "run002"
    assert up.cluster.tokens == {}
    assert "10.244.3.0/24 via 10.0.0.23" in up.machines["w1"].files["/usr/local/sbin/provisioner-pod-network"].text


def test_one_changed_value_changes_its_file_and_restarts_what_reads_it(up: World) -> None:
    up.grow(cluster(*up.desired.hosts, runtime={"log_max_size": "50m"}))
    outcome = up.apply()
    assert outcome.report.result == "ok"
    expected = ["write /etc/docker/daemon.json 644", "systemctl daemon-reload", "systemctl restart docker.service"]
    assert up.done() == {"cp1": expected, "w1": expected, "w2": expected}


@pytest.mark.parametrize("missing", ["file", "service", "hold", "setting", "image"])
def test_what_was_broken_by_hand_is_fixed_there_and_nowhere_else(up: World, missing: str) -> None:
    machine = up.machines["w1"]
    breaking: dict[str, Callable[[], object]] = {
        "file": lambda: machine.files.pop("/etc/sysctl.d/99-provisioner.conf"),
        "service": lambda: machine.units.update({"kubelet.service": FakeUnit(enabled=True)}),
        "hold": lambda: setattr(machine.packages["kubelet"], "held", False),
        "setting": lambda: machine.settings.update({"net.ipv4.ip_forward": "0"}),
        "image": lambda: machine.images.discard("k8s.gcr.io/kube-proxy:v1.20.2"),
    }
    breaking[missing]()
    (step,) = up.plan().plan.steps
    assert step.subject == "w1"
    assert up.apply().report.changed == 1
    assert list(up.done()) == ["w1"]
    assert up.plan().plan.steps == ()


def test_a_limit_leaves_the_others_alone(up: World) -> None:
    for name in ("w1", "w2"):
        up.machines[name].files.pop("/etc/sysctl.d/99-provisioner.conf")
    outcome = up.apply(limit=frozenset({"w1"}))
    assert outcome.report.result == "ok"
    assert list(up.done()) == ["w1"]


def test_a_worker_joins_under_a_limit_through_a_leader_that_is_not_worked_on(up: World) -> None:
    up.grow(cluster(*up.desired.hosts, host("w3", "10.0.0.23")))
    up.machines["cp1"].put("/etc/docker/daemon.json", "{}")
    outcome = up.apply(limit=frozenset({"w3"}))
    assert outcome.report.result == "ok"
    assert "w3" in up.cluster.nodes
    assert up.cluster.tokens == {}
    assert up.machines["cp1"].files["/etc/docker/daemon.json"].text == "{}"


def test_labels_and_taints_come_when_the_node_is_there() -> None:
    desired = cluster(
        host("cp1", "10.0.0.11", node_taints=()),
        host("w1", "10.0.0.21", node_labels={"disk": "ssd"}),
    )
    world = World(desired)
    assert world.apply().report.result == "ok"
    assert world.cluster.nodes["w1"].labels == {"disk": "ssd"}
    assert world.apply().report.changed == 0


def test_no_event_holds_a_secret(world: World) -> None:
    world.apply()
    assert not [event for event in world.heard if "0123456789abcdef" in repr(event)]


def test_another_pod_network_is_refused_and_no_node_gets_it(up: World) -> None:
    """It was a warning, and the plan wrote the new network into every node."""
    before = ended(up)
    up.grow(cluster(*up.desired.hosts, pod_cidr="10.200.0.0/16"))
    for run in (up.plan, up.apply):
        with pytest.raises(PreflightError) as error:
            run()
        (problem,) = [one for one in error.value.problems if one.severity is Severity.ERROR]
        assert problem.hint.endswith("set `pod_cidr: 10.244.0.0/16`.")
    assert ended(up) == before
