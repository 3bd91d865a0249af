"""Whole runs with other network plug-ins than `bridge`: up, without an image, changed, and one in another's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provisioner.errors import PreflightError
from provisioner.networks.bridge import CONFLIST, SCRIPT, UNIT
from provisioner.networks.hosts import LINK, NETWORK_MANAGER, NETWORKD
from provisioner.resources.draining import BEFORE, DRAINED
from tests.builders import cluster, network_objects
from tests.fake.state import FakePackage
from tests.fake.world import World
from tests.scenarios.sweep import MANIFEST, hosts, up, with_manifest

OURS = "/etc/cni/net.d/10-test-net.conflist"


def wanting(world: World, **network: Any) -> World:
    """The same machines, for which another network is desired."""
    world.grow(cluster(*world.desired.hosts, network=network))
    return world


def refused(run: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(PreflightError) as error:
        run()
    return {problem.rule: str(problem) for problem in error.value.problems}


def test_a_network_from_a_manifest_comes_up_and_a_second_run_finds_nothing_to_do() -> None:
    world = with_manifest()
    first = world.plan()
    later = [step.change for step in first.plan.steps if step.key == "manifest manifest"]
    assert [change.waits_for for change in later] == ["the API server, which answers after kubeadm init"]
    assert world.apply().errors == {}
    assert all(node.ready for node in world.cluster.nodes.values())
    assert all(OURS in machine.files and CONFLIST not in machine.files for machine in world.machines.values())
    assert world.apply().report.changed == 0
    assert world.done() == {}


def test_an_image_that_is_not_in_the_bundle_is_said_before_anything_is_touched() -> None:
    world = with_manifest()
    world.network = network_objects("mirror.example/net:1")
    found = refused(world.apply)
    assert "image mirror.example/net:1 is not in the bundle" in found["image-missing"]
    assert world.done() == {}


def test_the_catalog_s_images_are_missed_without_their_manifest() -> None:
    world = World(cluster(*hosts(1).hosts, network={"type": "flannel", "version": "0.28.9"}))
    assert (
        "image ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel3 is not in the bundle"
        in refused(world.apply)["image-missing"]
    )


def test_an_image_that_no_registry_has_ends_the_wait_early() -> None:
    world = World(cluster(*hosts(2).hosts, network={"type": "none"}))
    assert world.apply().errors == {}
    began_s = world.scene.clock.now_s
    world.grow(cluster(*world.desired.hosts, network=MANIFEST, images="registry"))
    world.network = network_objects("mirror.example/net:1")
    (error,) = world.apply().errors.values()
    assert "ErrImagePull mirror.example/net:1" in error.details
    assert world.scene.clock.now_s - began_s < 60, "long before its deadline"


def test_without_a_daemon_set_it_is_no_network() -> None:
    world = with_manifest()
    world.network = network_objects()
    world.network = type(world.network)("/net.yaml", world.network.items[:1])
    assert "has no DaemonSet" in refused(world.apply)["no-daemon-set"]


def test_a_changed_manifest_is_applied_and_waited_for() -> None:
    world = with_manifest()
    assert world.apply().errors == {}
    world.network = network_objects("k8s.gcr.io/kube-proxy:v1.20.2")
    assert [step.change.summary for step in world.plan().plan.steps] == [
        "apply manifest",
        "wait until test-net is ready on cp1, w1, w2",
    ]
    assert world.apply().errors == {}
    assert world.plan().plan.steps == ()


def test_another_plug_in_beside_the_one_that_runs_is_refused() -> None:
    found = refused(wanting(up(), **MANIFEST).apply)
    assert "10-bridge.conflist is left from bridge, and the inventory wants manifest" in found["other-network"]
    assert "provisioner network replace" in found["other-network"]


@pytest.mark.parametrize(
    ("file", "owner"),
    [("10-flannel.conflist", "flannel"), ("10-calico.conflist", "calico"), ("05-cilium.conflist", "cilium")],
)
def test_leftovers_of_another_on_a_fresh_machine_are_refused(file: str, owner: str) -> None:
    world = World(hosts(1))
    world.machines["w1"].put(f"/etc/cni/net.d/{file}", "{}")
    assert f"{file} is left from {owner}, and the inventory wants bridge" in refused(world.apply)["other-network"]
    assert world.done() == {}


def test_a_file_of_no_known_plug_in_is_left_alone() -> None:
    world = World(hosts(1))
    world.machines["w1"].put("/etc/cni/net.d/87-podman-bridge.conflist", "{}")
    assert world.apply().errors == {}


def test_without_a_plug_in_nodes_are_not_waited_for() -> None:
    world = World(cluster(*hosts(1).hosts, network={"type": "none"}))
    assert world.apply().errors == {}
    assert not any(node.ready for node in world.cluster.nodes.values())
    assert world.apply().report.changed == 0


def test_network_managers_are_configured_to_keep_off() -> None:
    world = World(hosts(1))
    world.machines["w1"].packages["network-manager"] = FakePackage("1.42")
    world.machines["w1"].put("/lib/systemd/system/NetworkManager.service")
    assert world.apply().errors == {}
    assert "interface-name:cni0" in world.machines["w1"].read(NETWORK_MANAGER)
    for machine in world.machines.values():
        assert "MACAddressPolicy=none" in machine.read(LINK)
        assert "ManageForeignRoutes=no" in machine.read(NETWORKD)
    assert NETWORK_MANAGER not in world.machines["cp1"].files
    assert world.apply().report.changed == 0


def test_one_plug_in_takes_another_s_place() -> None:
    world = wanting(up(), **MANIFEST)
    outcome = world.replace_network()
    assert outcome.errors == {}
    for machine in world.machines.values():
        assert OURS in machine.files
        assert not {CONFLIST, SCRIPT, f"/etc/systemd/system/{UNIT}"} & machine.files.keys()
        assert (machine.routes, machine.firewall) == (set(), False)
    assert all(node.ready and not {BEFORE, DRAINED} & node.labels.keys() for node in world.cluster.nodes.values())
    assert not [taint for node in world.cluster.nodes.values() for taint in node.taints if "unschedulable" in taint]
    assert world.apply().report.changed == 0
    assert world.replace_network().report.changed == 0


def test_ports_of_the_new_one_are_probed_before_the_old_one_goes() -> None:
    world = wanting(up(), type="kube-router", manifest="https://router.example/router.yaml")
    world.machines["w1"].filtered.add("TCP 179")
    assert "w1 -> cp1, cp1 -> w1" in refused(world.replace_network)["port-filtered"]
    assert world.done() == {}


def test_nodes_are_drained_one_after_the_other_the_control_plane_last() -> None:
    world = wanting(up(), **MANIFEST)
    drains = [line for line in world.replace_network().report.hosts and world.done()["cp1"] if " drain " in line]
    assert [line.split(" drain ")[1].split()[0] for line in drains] == ["w1", "w2", "cp1"]


def test_a_node_that_was_cordoned_before_stays_cordoned() -> None:
    world = wanting(up(), **MANIFEST)
    world.cluster.nodes["w1"].taints.add("node.kubernetes.io/unschedulable:NoSchedule")
    assert world.replace_network().errors == {}
    closed = [name for name, node in world.cluster.nodes.items() if any("unschedulable" in t for t in node.taints)]
    assert closed == ["w1"]


def test_where_it_is_not_possible_it_is_said_plainly() -> None:
    world = wanting(up(), **MANIFEST)
    world.grow(cluster(*world.desired.hosts, network=MANIFEST, pod_cidr="10.99.0.0/16"))
    assert "that cannot be changed" in refused(world.replace_network)["pod-cidr"]
    assert "no cluster is running there" in refused(with_manifest().replace_network)["no-cluster"]
    proxy = wanting(up(), type="kube-router", service_proxy=True)
    assert "This was decided when the cluster was made" in refused(proxy.replace_network)["kube-proxy"]
    back = with_manifest()
    assert back.apply().errors == {}
    found = refused(wanting(back, type="bridge").replace_network)
    assert "what it has changed on the hosts is not known" in found["unknown-network"]
    assert back.done() == {}


def test_with_a_machine_that_does_not_answer_nothing_is_replaced() -> None:
    world = wanting(up(), **MANIFEST)
    world.machines["w2"].up = False
    assert "w2: must take part" in refused(world.replace_network)["unreached"]
