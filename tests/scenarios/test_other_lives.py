"""Machines that belonged to another cluster, or to this one before: nothing of it is taken away unasked."""

from __future__ import annotations

import pytest

from provisioner.core.report import StepEnded
from provisioner.errors import PreflightError
from provisioner.networks.bridge import CONFLIST
from provisioner.resources.kubeadm import JOIN_MARKER
from provisioner.transports.protocol import no_listener
from tests.builders import CA, cluster
from tests.fake.background import ETCD_DATA
from tests.fake.cluster import FakeCluster
from tests.fake.kubeadm import reset
from tests.fake.services import KUBELET, stop
from tests.fake.world import World
from tests.scenarios.sweep import applied, ended, made_again, node_came_back, node_deleted


def refused(world: World) -> list[tuple[str, str]]:
    """Plan and apply find the same, and nothing is done."""
    with pytest.raises(PreflightError) as planned:
        world.plan()
    before = ended(world)
    with pytest.raises(PreflightError) as error:
        world.apply()
    assert error.value.problems == planned.value.problems
    assert world.done() == {}
    assert ended(world) == before
    return [(problem.rule, problem.where) for problem in error.value.problems]


def titles(world: World, host: str) -> list[str]:
    """The steps of kubeadm that were done there."""
    done = (event for event in world.heard if isinstance(event, StepEnded) and event.host == host)
    return [event.title for event in done if event.title.startswith("kubeadm")]


def of_another_cluster(world: World) -> None:
    """The control plane was rebuilt, its workers were not: their cluster is another."""
    world.scene.cluster = FakeCluster(life=7, ca=CA)
    del world.machines["cp1"]
    world.grow(world.desired)
    for machine in world.machines.values():
        machine.cluster = world.scene.cluster


def by_hand(world: World, name: str) -> None:
    """`kubeadm reset` there, which leaves what the network plug-in has made."""
    list(reset(world.machines[name]))


def test_workers_of_another_cluster_are_named_and_left_alone_where_no_cluster_is(up: World) -> None:
    of_another_cluster(up)
    before = ended(up)
    assert refused(up) == [("other-cluster", "w1, w2"), ("old-network", "w1, w2")]
    kubelet = ("w1", "file", "/etc/kubernetes/kubelet.conf")
    assert ended(up)[kubelet] == before[kubelet]


def test_after_what_the_findings_say_they_join(up: World) -> None:
    of_another_cluster(up)
    for name in ("w1", "w2"):
        by_hand(up, name)
    assert refused(up) == [("old-network", "w1, w2")]
    for name in ("w1", "w2"):
        up.machines[name].links.clear()
    assert applied(up).report.result == "ok"
    assert up.plan().plan.steps == ()
    assert set(up.cluster.nodes) == {"cp1", "w1", "w2"}


def test_a_worker_of_another_cluster_is_named_while_the_api_server_is_silent(up: World) -> None:
    stop(up.machines["cp1"], KUBELET)
    up.cluster.api = "down"
    conf = up.machines["w1"].files["/etc/kubernetes/kubelet.conf"]
    conf.text = "    certificate-authority-data: b3RoZXI=\n    server: https://10.0.0.9:6443\n"
    assert refused(up) == [("other-cluster", "w1"), ("old-network", "w1")]


@pytest.mark.parametrize("begun", [False, True], ids=["fresh", "after our try"])
def test_data_of_an_earlier_etcd_are_named_and_kept(world: World, begun: bool) -> None:
    """kubeadm init would fail on them in every further run."""
    leader = world.machines["cp1"]
    leader.put(f"{ETCD_DATA}/member/snap/db", "old")
    if begun:
        leader.put("/etc/kubernetes/provisioner/init-begun")
    assert refused(world) == [("etcd-data", "cp1")]
    assert leader.read(f"{ETCD_DATA}/member/snap/db") == "old"
    leader.drop(ETCD_DATA)
    assert world.apply().report.result == "ok"


@pytest.mark.parametrize("killed_after", ["mark", "begin", "nothing"])
def test_a_node_that_joins_again_loses_the_network_of_its_earlier_life(killed_after: str) -> None:
    """Its pod CIDR is another now; a bridge would keep its address, and no pod could start there."""
    world = node_deleted()
    worker = world.machines["w1"]
    assert (worker.links, set(world.cluster.nodes)) == ({"cni0": "10.244.1.1/24"}, {"cp1", "w2"})
    (join,) = [step for step in world.plan().plan.steps if step.key == "kubeadm join"]
    assert join.change.summary == "kubeadm join, after a reset: the cluster has no such node"

    def kill(name: str) -> None:
        if (world.transports["w1"].done or [""])[-1].startswith(f"{killed_after} "):
            world.on_moment = no_listener
            raise KeyboardInterrupt

    world.on_moment = kill
    applied(world)
    if killed_after != "nothing":
        assert "w1" not in world.cluster.nodes
        assert applied(world).errors == {}
    world.pass_time(2)
    assert worker.links == {"cni0": "10.244.3.1/24"}
    assert '"10.244.3.0/24"' in worker.read(CONFLIST)
    assert world.plan().plan.steps == ()


def test_a_node_that_was_deleted_and_came_back_by_itself_gets_pods_again() -> None:
    """Its kubelet has created the Node object again, with another pod CIDR: Ready, and no pod could start there."""
    world = node_came_back()
    assert world.cluster.nodes["w1"].pod_cidr == "10.244.3.0/24"
    assert world.machines["w1"].links == {"cni0": "10.244.1.1/24"}
    done = [(step.subject, step.place, step.change.summary) for step in world.plan().plan.steps]
    assert ("w1", "cp1", "delete pods with addresses outside of 10.244.3.0/24") in done
    assert ("w1", "w1", "remove cni0, whose address is not in 10.244.3.0/24") in done
    assert applied(world).errors == {}
    world.pass_time(2)
    assert world.machines["w1"].links == {"cni0": "10.244.3.1/24"}
    assert world.cluster.pods["w1"] == [f"{pod}-again " for pod in ("shop web-1", "shop web-2", "kube-system agent-1")]
    assert world.plan().plan.steps == ()


def test_a_mark_that_came_back_after_a_power_loss_costs_a_join_and_the_plan_says_all_of_it(up: World) -> None:
    """What a reset takes along of the network is in the plan, too."""
    up.machines["w1"].put(JOIN_MARKER)
    keys = {step.key for step in up.plan().plan.steps if step.subject == "w1"}
    assert {"kubeadm join", f"file {CONFLIST}"} <= keys
    assert applied(up).report.result == "ok"
    assert up.plan().plan.steps == ()


def test_a_node_that_was_reset_by_hand_and_keeps_its_part_joins_as_it_is(up: World) -> None:
    by_hand(up, "w1")
    assert applied(up).report.result == "ok"
    assert up.machines["w1"].links == {"cni0": "10.244.1.1/24"}


def test_workers_of_a_control_plane_that_is_made_again_with_its_ca_are_joined_as_the_plan_says() -> None:
    world = made_again()
    joins = [step.change.summary for step in world.plan().plan.steps if step.key == "kubeadm join"]
    assert joins == ["kubeadm join, after a reset: the cluster has no such node, unless it is back by then"] * 2
    world.heard.clear()
    assert applied(world).report.result == "ok"
    assert len(titles(world, "w1")) == 1


def test_a_control_plane_that_was_restored_from_a_backup_goes_on_with_its_workers(up: World) -> None:
    old = up.machines.pop("cp1")
    up.cluster.api = "down"
    up.grow(up.desired)
    for place in ("/etc/kubernetes", "/var/lib/etcd", "/var/lib/kubelet"):
        up.machines["cp1"].files |= {path: old.files[path] for path in old.below(place)}
    before = set(up.cluster.nodes)
    assert applied(up).report.result == "ok"
    assert [title for name in up.machines for title in titles(up, name)] == []
    assert set(up.cluster.nodes) == before
    assert up.plan().plan.steps == ()


def test_workers_that_come_back_to_it_by_themselves_are_not_reset() -> None:
    world = made_again()
    for name in ("w1", "w2"):
        world.machines[name].units[KUBELET].active = True
    world.heard.clear()
    assert applied(world).report.result == "ok"
    assert titles(world, "w1") == []
    assert set(world.cluster.nodes) == {"cp1", "w1", "w2"}


def test_a_reset_that_no_plan_has_shown_is_not_done(up: World) -> None:
    """While the API server was silent, no run knew that the cluster has lost the node with the expired certificate."""
    conf = up.machines["w1"].files["/etc/kubernetes/kubelet.conf"]
    conf.text = conf.text.replace("# life 1", "# life 0")
    del up.cluster.nodes["w1"]
    stop(up.machines["cp1"], KUBELET)
    up.cluster.api = "down"
    assert "kubeadm join" not in {step.key for step in up.plan().plan.steps}
    outcome = applied(up)
    assert list(outcome.errors) == ["w1"]
    assert outcome.errors["w1"].message == (
        "w1: kubeadm join, after a reset: the cluster has no such node: is needed now, but is not in the plan"
    )
    assert outcome.errors["w1"].hint
    assert (titles(up, "w1"), outcome.report.hosts["w1"].failed) == ([], 1)
    assert applied(up).errors == {}
    assert len(titles(up, "w1")) == 1


def test_a_machine_with_other_packages_files_is_no_finding() -> None:
    world = World(cluster())
    for name in ("87-podman.conflist", "100-crio-bridge.conflist"):
        world.machines["w1"].put(f"/etc/cni/net.d/{name}", "{}")
    assert world.apply().report.result == "ok"
