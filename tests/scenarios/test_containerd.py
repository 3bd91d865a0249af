"""Whole runs with containerd in place of Docker; `test_crash_sweep` kills them at any moment."""

from __future__ import annotations

import pytest

from provisioner.errors import PreflightError
from provisioner.runtimes.containerd import CONFIG
from provisioner.runtimes.crictl import left_out
from tests.builders import cluster
from tests.fake.services import CONTAINERD, DOCKER, KUBELET
from tests.fake.world import World
from tests.scenarios.sweep import with_containerd


@pytest.fixture
def up() -> World:
    world = with_containerd()
    assert world.apply().errors == {}
    return world


def test_a_cluster_comes_up_without_docker(up: World) -> None:
    assert {node.runtime for node in up.cluster.nodes.values()} == {"containerd://1"}
    for machine in up.machines.values():
        assert machine.runs(CONTAINERD)
        assert not machine.runs(DOCKER)
        assert "docker.io" not in machine.packages
    assert up.apply().report.changed == 0
    assert up.done() == {}


def test_where_crictl_is_missing_the_plan_says_what_kubeadm_does_not_check() -> None:
    world = with_containerd()
    outcome = world.plan()
    summaries = {step.change.summary for step in outcome.plan.steps}
    assert {"kubeadm init, without addon/coredns, preflight", "kubeadm join, without preflight"} <= summaries
    (said,) = left_out(outcome.view)
    assert said.startswith("kubeadm's own preflight is left out on cp1, w1, w2")
    assert left_out(World(cluster()).plan().view) == (), "the kubelet's shim needs no crictl"


def test_a_setting_that_was_changed_by_hand_is_fixed_and_read_again(up: World) -> None:
    up.machines["w1"].put(CONFIG, 'version = 2\ndisabled_plugins = ["cri"]\n')
    assert [step.change.summary for step in up.plan().plan.steps] == [
        f"change {CONFIG}",
        f"restart containerd.service ({CONFIG} is newer)",
    ]
    assert up.apply().report.result == "ok"
    assert up.plan().plan.steps == ()


def test_a_containerd_that_does_not_follow_its_configuration_is_restarted_and_says_what_differs(up: World) -> None:
    unit = up.machines["w1"].units[CONTAINERD]
    told = unit.runs_with[CONFIG]
    unit.runs_with[CONFIG] = told.replace("SystemdCgroup = true", "SystemdCgroup = false").replace(
        "disabled_plugins = []", 'disabled_plugins = ["cri"]'
    )
    (step,) = up.plan().plan.steps
    assert step.change.summary == (
        "restart containerd.service (its list of disabled plug-ins is cri, not empty; "
        "its systemd cgroup driver is off, not on)"
    )
    assert up.apply().report.result == "ok"
    assert up.plan().plan.steps == ()


def test_a_half_made_node_is_cleared_of_its_containers_before_it_is_made_again(up: World) -> None:
    machine = up.machines["cp1"]
    machine.put("/etc/kubernetes/provisioner/init-begun")
    assert machine.containers
    outcome = up.apply()
    assert outcome.errors == {}, outcome.errors
    assert machine.runs(KUBELET)
    assert up.plan().plan.steps == ()


def test_a_running_node_keeps_its_runtime(up: World) -> None:
    up.grow(cluster(*up.desired.hosts))
    with pytest.raises(PreflightError) as error:
        up.apply()
    assert {problem.rule for problem in error.value.problems} == {"runtime-change"}
    assert up.done() == {}
