"""What preflight says of the ports between the machines, before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from provisioner.errors import Problem, Severity
from provisioner.preflight import ports
from provisioner.world.addressing.deciding import decide
from provisioner.world.facts import HostState
from provisioner.world.network import Passage, Way
from provisioner.world.view import View
from tests.builders import changed, cluster, host, joined, leading, view

PASSES, FILTERED, SILENT = Passage.PASSES, Passage.FILTERED, Passage.SILENT
FLANNEL = {"type": "flannel", "version": "0.28.9"}
ADDRESSES = {"cp1": "10.0.0.11", "w1": "10.0.0.21", "w2": "10.0.0.22"}


def seen(want: dict[str, Any], *ways: tuple[str, str, dict[str, Passage]], **more: Any) -> View:
    """Fresh machines, and what came of port probes: who, at whom, and the outcomes by port."""
    found = {(asker, IPv4Address(ADDRESSES[at])): Way(reached=True, mtu=1500, ports=told) for asker, at, told in ways}
    return view(cluster(network=want, images="registry"), ways=found, **more)


def found(looked: View) -> list[Problem]:
    # As in a run: what address each machine uses is decided once, before anything is judged.
    looked = changed(looked, addresses=decide(looked))
    return [problem for rule in ports.RULES for problem in rule(looked)]


def one(looked: View) -> Problem:
    (problem,) = found(looked)
    return problem


def test_where_no_port_was_probed_and_where_all_pass_nothing_is_said() -> None:
    assert found(seen(FLANNEL)) == []
    assert found(seen(FLANNEL, ("w1", "cp1", {"TCP 6443": PASSES, "UDP 8472": PASSES}), ("cp1", "w1", {}))) == []


def test_silence_at_a_tcp_port_stands_in_the_way_with_who_whom_and_what_for() -> None:
    problem = one(seen({}, ("w1", "cp1", {"TCP 6443": FILTERED}), ("w2", "cp1", {"TCP 6443": PASSES})))
    assert (problem.rule, problem.where, problem.severity) == ("port-filtered", "w1 -> cp1", Severity.ERROR)
    assert "TCP 6443 (API server)" in problem.message
    assert "kubernetes needs it" in problem.message
    assert "security group" in problem.hint
    assert "\n" not in problem.hint


def test_silence_of_udp_and_of_a_protocol_is_said_not_to_be_proof() -> None:
    said = found(seen(FLANNEL, ("w1", "cp1", {"TCP 6443": PASSES, "UDP 8472": SILENT})))
    assert [(problem.rule, problem.where, problem.severity) for problem in said] == [
        ("port-unproved", "w1 -> cp1", Severity.WARNING)
    ]
    assert "it is unknown whether UDP 8472 (VXLAN) passes" in said[0].message
    assert "ICMP" in said[0].hint
    ipip = one(seen({"type": "calico", "encapsulation": "ipip"}, ("w1", "cp1", {"IP protocol 4": SILENT})))
    assert "IP protocol 4 (IP in IP)" in ipip.message


def test_what_a_cluster_can_do_without_is_a_warning() -> None:
    cilium = {"type": "cilium", "manifest": "/cilium.yaml"}
    problem = one(seen(cilium, ("w1", "w2", {"TCP 4240": FILTERED})))
    assert (problem.rule, problem.severity) == ("port-filtered", Severity.WARNING)


def test_udp_that_somebody_forbids_is_proof() -> None:
    assert one(seen(FLANNEL, ("w1", "w2", {"UDP 8472": FILTERED}))).rule == "port-filtered"


def test_a_node_s_plug_in_may_take_what_it_is_sent_and_say_nothing() -> None:
    states = {"cp1": leading(), "w1": joined()}
    quiet = seen(FLANNEL, ("w2", "cp1", {"UDP 8472": SILENT}), ("w2", "w1", {"UDP 8472": SILENT}), states=states)
    assert found(quiet) == []
    assert one(seen(FLANNEL, ("w1", "w2", {"UDP 8472": SILENT}), states=states)).where == "w1 -> w2"


def test_where_another_plug_in_comes_its_ports_are_new_to_the_nodes_too() -> None:
    def replacing(old: str) -> View:
        states = {"cp1": leading(), "w1": joined(cni_files=(old,))}
        return seen(FLANNEL, ("cp1", "w1", {"UDP 8472": SILENT}), states=states)

    assert one(replacing("10-bridge.conflist")).rule == "port-unproved"
    assert found(replacing("05-cilium.conflist")) == [], "Cilium may have that port, and says nothing to a port probe"


def test_a_way_that_is_lost_wholly_is_not_told_port_by_port() -> None:
    looked = seen({}, ("w1", "cp1", {"TCP 6443": FILTERED}))
    lost = {key: replace(way, reached=False) for key, way in looked.observed.ways.items()}
    assert found(changed(looked, ways=lost)) == []


def test_an_address_that_is_not_used_is_none_to_complain_of() -> None:
    looked = seen({})
    other = {("w1", IPv4Address("10.9.0.11")): Way(reached=True, ports={"TCP 6443": FILTERED})}
    assert found(changed(looked, ways=other)) == []


def test_three_hundred_machines_are_one_line() -> None:
    names = [f"w{number}" for number in range(300)]
    hosts = [
        host("cp1", "10.0.0.11"),
        *(host(name, f"10.0.{4 + n // 200}.{n % 200 + 1}") for n, name in enumerate(names)),
    ]
    ways = {(name, IPv4Address("10.0.0.11")): Way(reached=True, ports={"TCP 6443": FILTERED}) for name in names}
    where = one(view(cluster(*hosts), ways=ways)).where
    assert where == "w0 -> cp1, w1 -> cp1, w10 -> cp1, w100 -> cp1, w101 -> cp1, w102 -> cp1 and 294 more"


def test_a_port_that_is_taken_and_a_firewall_that_must_be_told() -> None:
    states = {"cp1": HostState(listening=((179, "bird"),)), "w1": HostState(firewalls=("iptables",))}
    taken, firewall = found(seen({"type": "kube-router"}, states=states))
    assert (taken.rule, taken.where, taken.message) == ("port-taken", "cp1", "port 179 is taken by bird")
    assert (firewall.rule, firewall.where, firewall.severity) == ("firewall", "w1", Severity.WARNING)
    assert "TCP 179 (BGP), IP protocol 4" in firewall.hint


def test_a_firewall_that_lets_through_what_is_needed_is_none_to_warn_of() -> None:
    states = {"w1": HostState(firewalls=("iptables",))}
    heard = ("w2", "w1", {"UDP 8472": PASSES})
    assert found(seen(FLANNEL, heard, states=states)) == []
    doubted = seen(FLANNEL, heard, ("cp1", "w1", {"UDP 8472": SILENT}), states=states)
    assert [problem.rule for problem in found(doubted)] == ["firewall", "port-unproved"]
