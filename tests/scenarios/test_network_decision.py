"""The network decision through whole runs: made once, written down, kept by later runs, contradicted by machines."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import Any

import pytest

from provisioner.core.report import Found, PhaseBegan
from provisioner.errors import PreflightError
from provisioner.networks.bridge import CONFLIST
from provisioner.resources.hosts import PATH as HOSTS
from provisioner.world.network import RECORD
from tests.builders import cluster, host
from tests.fake.world import World
from tests.scenarios.sweep import hosts, in_virtualbox, up

MEASURED = "measure the network"


def recorded(world: World, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(world.machines[name].read(RECORD))
    return told


def measured(world: World) -> list[tuple[str, ...]]:
    return [event.hosts for event in world.heard if isinstance(event, PhaseBegan) and event.title == MEASURED]


def test_the_second_interface_is_chosen_measured_written_down_and_used() -> None:
    world = in_virtualbox()
    assert world.apply().errors == {}
    for name, machine in world.machines.items():
        told = recorded(world, name)
        assert (told["interface"], told["address"], told["mtu"]) == ("eth1", f"{machine.address}/24", 1400)
        assert '"mtu": 1400' in machine.read(CONFLIST)
    assert measured(world) == [("cp1", "w1", "w2")]


def test_a_later_run_measures_nothing_and_does_not_flip_whatever_it_would_find_now() -> None:
    world = in_virtualbox()
    world.apply()
    before = {name: recorded(world, name) for name in world.machines}
    for machine in world.machines.values():
        machine.path_mtu = 9000
        machine.nics = {"eth9": ("10.7.0.1/24", 9000), **machine.nics}
    world.heard.clear()
    outcome = world.apply()
    assert (outcome.report.result, outcome.report.changed, measured(world)) == ("ok", 0, [])
    assert {told.round_trips for told in outcome.report.hosts.values()} == {2}
    assert before == {name: recorded(world, name) for name in world.machines}


def test_a_limited_run_gives_the_same_packets_as_a_whole_one() -> None:
    world = in_virtualbox()
    world.apply()
    world.machines["w1"].files.pop(CONFLIST)
    assert world.apply(limit=frozenset({"w1"})).errors == {}
    assert '"mtu": 1400' in world.machines["w1"].read(CONFLIST)


def test_a_machine_that_comes_later_is_measured_against_the_others() -> None:
    world = up()
    world.grow(hosts(3))
    world.heard.clear()
    assert world.apply().errors == {}
    assert measured(world) == [("cp1", "w1", "w2", "w3")]
    assert recorded(world, "w3")["reasons"][1] == "all who tried reach it"


def test_one_with_a_narrower_way_is_refused_before_anything_is_changed_unless_all_agree() -> None:
    world = up()
    world.grow(hosts(3))
    world.machines["w3"].path_mtu = 1300
    with pytest.raises(PreflightError) as caught:
        world.apply()
    (problem,) = caught.value.problems
    assert (problem.rule, problem.where) == ("mtu", "w3")
    assert "network.mtu: 1300" in problem.hint
    assert world.done() == {}
    world.grow(cluster(*hosts(3).hosts, network={"mtu": 1300}))
    assert world.apply().errors == {}
    assert all('"mtu": 1300' in machine.read(CONFLIST) for machine in world.machines.values())


def test_a_node_whose_address_has_changed_is_explained_and_left_alone() -> None:
    world = up()
    world.machines["w1"].nics = {"eth0": ("10.0.0.77/24", 1500)}
    with pytest.raises(PreflightError) as caught:
        world.apply()
    (problem,) = caught.value.problems
    assert (problem.rule, problem.where) == ("network-changed", "w1")
    assert problem.message == "was made with 10.0.0.21 on eth0, and eth0 has 10.0.0.77 now"
    assert world.done() == {}


def test_before_anything_was_made_with_it_a_changed_address_is_simply_decided_again() -> None:
    world = World(hosts(1))
    assert world.apply(only="machine").errors == {}
    world.machines["w1"].nics = {"eth0": ("10.0.0.21/24", 1500), "eth1": ("10.3.0.21/24", 1500)}
    world.grow(cluster(host("cp1", "10.0.0.11"), host("w1", "10.0.0.21", node_ip=IPv4Address("10.3.0.21"))))
    assert world.apply().errors == {}
    assert (recorded(world, "w1")["address"], recorded(world, "cp1")["address"]) == ("10.3.0.21/24", "10.0.0.11/24")


def test_a_cluster_of_an_older_version_is_taken_over_as_it_is() -> None:
    world = up()
    for machine in world.machines.values():
        machine.drop(RECORD)
        machine.nics = {"eth0": ("10.9.0.1/24", 1500), "eth1": (f"{machine.address}/24", 1500)}
    plan = world.plan()
    assert {step.key for step in plan.plan.steps} == {f"file {RECORD}"}
    assert world.apply().errors == {}
    assert recorded(world, "w1")["address"] == "10.0.0.21/24"
    assert recorded(world, "w1")["reasons"][0] == "the node has it in the running cluster"


def test_a_damaged_record_is_rewritten_from_what_the_cluster_says() -> None:
    world = up()
    world.machines["w1"].put(RECORD, "{")
    assert world.apply().errors == {}
    assert list(world.done()) == ["w1"]
    assert recorded(world, "w1")["address"] == "10.0.0.21/24"


def test_machines_that_do_not_reach_each_other_are_named_before_anything_is_changed(world: World) -> None:
    world.machines["w1"].cut_off.add("10.0.0.21")
    with pytest.raises(PreflightError) as caught:
        world.apply()
    (problem,) = caught.value.problems
    assert f"{problem.where}: {problem.message}" == "w1: cp1, w2 cannot reach it at 10.0.0.21 (eth0)"
    assert world.done() == {}


def refused(world: World) -> list[tuple[str, str]]:
    """What stood in the way, and where; nothing was done."""
    with pytest.raises(PreflightError) as caught:
        world.apply()
    assert world.done() == {}
    return [(problem.rule, problem.where) for problem in caught.value.problems]


def test_a_port_that_is_shut_between_the_machines_is_named_before_anything_is_changed(world: World) -> None:
    world.machines["cp1"].filtered.add("TCP 6443")
    assert refused(world) == [("port-filtered", "w1 -> cp1, w2 -> cp1")]
    world.machines["cp1"].filtered.clear()
    assert world.apply().errors == {}


def test_of_a_machine_that_is_not_reached_at_all_no_ports_are_told(world: World) -> None:
    world.machines["w1"].filtered.add("TCP 10250")
    world.machines["w1"].cut_off.add("10.0.0.21")
    assert refused(world) == [("unreached", "w1")]


def test_a_run_that_was_killed_after_the_decision_probes_ports_once_more(world: World) -> None:
    assert world.apply(only="machine").errors == {}
    assert recorded(world, "w1")["address"] == "10.0.0.21/24"
    world.machines["w1"].filtered.add("TCP 10250")
    assert refused(world) == [("port-filtered", "cp1 -> w1")]


def test_on_a_finished_cluster_no_port_is_probed_except_for_a_newcomer() -> None:
    world = up()
    world.machines["cp1"].filtered.add("TCP 6443")
    outcome = world.apply()
    assert {told.round_trips for told in outcome.report.hosts.values()} == {2}
    world.grow(hosts(3))
    assert refused(world) == [("port-filtered", "w3 -> cp1")]


def test_without_perl_nothing_is_claimed(world: World) -> None:
    for machine in world.machines.values():
        machine.has_perl = False
        machine.filtered.add("TCP 6443")
    assert world.apply().errors == {}
    assert not [event for event in world.heard if isinstance(event, Found)]


def test_ports_of_a_plug_in_that_give_no_answer_are_a_warning() -> None:
    world = World(cluster(*hosts(2).hosts, network={"type": "weave"}, images="registry"))
    world.machines["w1"].filtered.add("UDP 6784")
    world.plan()
    (problem,) = [event.problem for event in world.heard if isinstance(event, Found)]
    assert (problem.rule, problem.where) == ("port-unproved", "w1 -> cp1, cp1 -> w1, w2 -> w1, w1 -> w2")


def test_without_ping_the_interfaces_own_packets_are_taken_and_that_is_said(world: World) -> None:
    for machine in world.machines.values():
        machine.has_ping = False
    assert world.apply().errors == {}
    assert "was not measured" in recorded(world, "w1")["reasons"][2]
    assert recorded(world, "w1")["mtu"] == 1500


def test_a_vpn_on_a_new_worker_stands_in_the_way_and_on_a_node_it_does_not() -> None:
    world = up()
    world.machines["w1"].known_routes = {"tun0": "10.244.0.0/16"}
    assert world.apply().report.result == "ok"
    world.grow(hosts(3))
    world.machines["w3"].known_routes = {"tun0": "10.244.0.0/16"}
    with pytest.raises(PreflightError) as caught:
        world.apply()
    (problem,) = caught.value.problems
    assert (problem.rule, problem.where) == ("overlapping-network", "w3")
    assert "use a free range: pod_cidr: 10.0" not in problem.hint, "the machines' own network"
    assert "pod_cidr: 10." in problem.hint


def test_the_name_of_the_api_server_leads_to_it_where_nothing_else_resolves_it() -> None:
    desired = cluster(*hosts(1).hosts, control_plane_endpoint="api.example:6443")
    world = World(desired)
    world.machines["cp1"].put(HOSTS, "127.0.1.1 api.example\n")
    world.machines["w1"].put(HOSTS, "10.0.0.11 api.example\n")
    assert world.apply().errors == {}
    assert world.machines["cp1"].read(HOSTS) == "10.0.0.11 api.example # provisioner\n"
    assert world.machines["w1"].read(HOSTS) == "10.0.0.11 api.example\n"
    assert world.apply().report.changed == 0


def test_an_address_needs_no_name() -> None:
    world = up()
    assert not any(HOSTS in machine.files for machine in world.machines.values())
