"""What goes wrong on machines, in whole runs: waited for, fixed, or said clearly, and the others go on."""

from __future__ import annotations

import pytest

from provisioner.core.report import StepEnded
from provisioner.errors import PreflightError, StepError
from provisioner.networks.bridge import UNIT
from provisioner.runtimes.docker import DAEMON_JSON
from provisioner.transports.protocol import no_listener
from tests.builders import cluster, host
from tests.fake.power import reboot
from tests.fake.services import DOCKER, KUBELET, stop
from tests.fake.state import FakePackage
from tests.fake.world import World


def titles(world: World, name: str) -> list[str]:
    """The steps that were done on that machine."""
    return [event.title for event in world.heard if isinstance(event, StepEnded) and event.host == name]


def busy(world: World, name: str, seconds: int) -> None:
    """Another program is at work with the packages of that machine."""
    machine = world.machines[name]
    machine.packages_busy_with = "unattended-upgr"
    machine.packages_busy_until_s = machine.clock.now_s + seconds


def test_a_program_that_is_at_work_with_the_packages_is_named_and_waited_for(world: World) -> None:
    busy(world, "w1", 120)
    assert world.apply().report.result == "ok"
    waited = [title for title in titles(world, "w1") if "unattended-upgr" in title]
    assert len(waited) == 1
    assert waited[0].startswith("wait for unattended-upgr (process 4711) to finish with the packages, then install ")


def test_one_that_does_not_come_to_its_end_is_named_in_the_error_and_the_others_go_on(world: World) -> None:
    busy(world, "w1", 100_000)
    outcome = world.apply()
    assert list(outcome.errors) == ["w1"]
    assert "unattended-upgr (process 4711)" in outcome.errors["w1"].details
    assert outcome.errors["w1"].hint.startswith("unattended-upgr (process 4711) has held that host's package lock")
    assert list(world.cluster.nodes) == ["cp1", "w2"]


def test_where_nothing_is_to_be_installed_no_host_waits(up: World) -> None:
    busy(up, "w1", 100_000)
    up.machines["w1"].packages["tini"] = FakePackage("0.19.0-1", "half-configured")
    outcome = up.apply()
    assert (outcome.report.result, outcome.report.changed) == ("ok", 0)


def test_a_package_whose_unpacking_was_interrupted_is_unpacked_again(up: World) -> None:
    up.machines["w1"].packages["docker.io"].state = "half-installed"
    outcome = up.apply()
    assert outcome.report.result == "ok"
    assert titles(up, "w1")[0] == "finish the interrupted installation of packages"
    assert up.plan().plan.steps == ()


def test_swap_that_is_back_after_a_reboot_is_switched_off_for_good(up: World) -> None:
    machine = up.machines["w1"]
    machine.put("/etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n")
    reboot(machine)
    assert machine.swap
    assert [step.change.summary for step in up.plan().plan.steps] == ["switch swap off, now and after a reboot"]
    assert up.apply().report.result == "ok"
    reboot(machine)
    assert machine.swap == set()
    up.pass_time(5)
    assert up.plan().plan.steps == ()


def at_work(world: World, name: str, what: str) -> bool:
    """Whether that is the last that has begun there."""
    return (world.transports[name].done or [""])[-1].startswith(f"{what} /etc/kubernetes/provisioner/join-begun")


def test_a_token_that_expires_while_a_machine_joins_is_said_and_the_next_run_makes_another(world: World) -> None:
    def expire(name: str) -> None:
        if name == "w2" and at_work(world, "w2", "begin"):
            world.cluster.tokens.clear()

    world.on_moment = expire
    outcome = world.apply()
    assert [type(error) for error in outcome.errors.values()] == [StepError]
    assert "w2: kubeadm join: failed with exit code 1" in outcome.errors["w2"].message
    assert outcome.report.hosts["w2"].left > 0
    assert list(world.cluster.nodes) == ["cp1", "w1"]
    world.on_moment = no_listener
    assert world.apply().report.result == "ok"
    assert world.cluster.used[-1] == "run002"
    assert world.cluster.tokens == {}


@pytest.mark.parametrize("comes_back", [True, False])
def test_an_api_server_that_is_lost_while_a_machine_joins(world: World, comes_back: bool) -> None:
    """Waited for, or said; in either case the next run ends well."""
    leader = world.machines["cp1"]
    lost: list[str] = []

    def lose(name: str) -> None:
        if name == "w1" and at_work(world, "w1", "run") and not lost:
            lost.append(name)
            if comes_back:
                reboot(leader)
            else:
                stop(leader, KUBELET)
                world.cluster.api = "down"

    world.on_moment = lose
    outcome = world.apply()
    assert lost
    assert (outcome.report.result == "ok") is comes_back
    if not comes_back:
        assert "w1" in outcome.errors
        assert "still not known: the node pod CIDRs" in outcome.errors["cp1"].message
        assert outcome.errors["cp1"].hint
        assert not [text for text in world.done()["cp1"] if UNIT in text], "the steps after it wait, too"
        assert all(told.left or told.failed for told in outcome.report.hosts.values())
        world.on_moment = no_listener
        assert world.apply().report.result == "ok"
        assert "systemctl start kubelet.service" in world.done()["cp1"]
    assert world.plan().plan.steps == ()
    assert all(node.ready for node in world.cluster.nodes.values())


def reinstalled(world: World, name: str) -> None:
    """The machine is as new; the cluster has not noticed yet."""
    assert world.cluster.nodes[name].ready
    del world.machines[name]
    world.grow(world.desired)


def test_a_machine_that_was_reinstalled_joins_again_when_the_cluster_has_noticed(up: World) -> None:
    reinstalled(up, "w1")
    outcome = up.apply()
    assert outcome.report.result == "ok"
    assert "kubeadm join, once the cluster has noticed that the old w1 is gone" in titles(up, "w1")
    assert up.cluster.nodes["w1"].ready
    assert up.plan().plan.steps == ()


def test_a_machine_that_was_reinstalled_long_ago_joins_at_once(up: World) -> None:
    reinstalled(up, "w1")
    up.pass_time(300)
    began_s = up.scene.clock.now_s
    assert up.apply().report.result == "ok"
    assert up.scene.clock.now_s - began_s < 60
    assert up.cluster.nodes["w1"].ready


def test_a_machine_with_the_name_of_another_node_is_refused(up: World) -> None:
    del up.machines["w1"]
    up.grow(cluster(host("cp1", "10.0.0.11"), host("w1", "10.0.0.99"), host("w2", "10.0.0.22")))
    with pytest.raises(PreflightError) as error:
        up.apply()
    (problem,) = error.value.problems
    assert (problem.rule, problem.where) == ("namesake", "w1")
    assert "at 10.0.0.21" in problem.message
    assert up.done() == {}


def test_a_docker_that_does_not_follow_its_configuration_is_restarted(up: World) -> None:
    up.machines["w1"].units[DOCKER].runs_with = {DAEMON_JSON: "{}"}
    (step,) = up.plan().plan.steps
    assert step.change.summary.endswith("(Docker uses the cgroup driver cgroupfs, the kubelet systemd)")
    assert up.apply().report.result == "ok"
    assert up.plan().plan.steps == ()


def test_a_docker_that_is_overruled_is_an_error_that_says_by_how_much(up: World) -> None:
    up.machines["w1"].units[DOCKER].runs_with = {DAEMON_JSON: "{}"}
    up.machines["w1"].trouble["systemctl restart docker"] = 0
    outcome = up.apply()
    assert list(outcome.errors) == ["w1"]
    assert "did not converge: restart docker.service (Docker uses the cgroup driver" in outcome.errors["w1"].message
    assert "-cgroup driver cgroupfs" in outcome.errors["w1"].details
