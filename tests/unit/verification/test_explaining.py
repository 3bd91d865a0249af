from __future__ import annotations

import re
from ipaddress import IPv4Network

from provisioner.core.report import Reach
from provisioner.verification.explaining import explain
from provisioner.verification.objects import NameServers
from provisioner.verification.survey import Survey
from provisioner.verification.walk import Asked
from provisioner.verification.wiring import Forwarding, Way, read
from tests.unit.verification.conftest import Answered, FakeHost, recorded

PODS = IPv4Network("10.244.0.0/16")
ADDRESSES = {"cp1": "10.213.1.11", "w1": "10.213.1.129", "w2": "10.213.1.130"}
IPS = {"cp1": "10.244.0.2", "w1": "10.244.1.2", "w2": "10.244.2.2"}


def showing(name: str, old: str = "", new: str = "") -> FakeHost:
    def answer(command: str) -> Answered:
        separator = re.findall(r" wiring (\S+)", command)[0]
        return Answered(recorded(f"wiring-{name}.txt").replace("SEPARATOR", separator).replace(old or "\0", new))

    return FakeHost(answer)


def test_nobody_is_asked_where_nothing_is_wrong() -> None:
    host = showing("w1")
    found = explain(Asked(["w1"], {"w1": host}), Survey((Reach("hairpin", "w1", "w1", True),)), frozenset(), PODS)
    assert found.causes == ()
    assert host.ran == []


def test_only_the_ends_of_a_hole_are_asked_once_each_and_for_the_ways_between_them() -> None:
    hosts = {"cp1": showing("w1"), "w1": showing("w1", "via 10.99.77.2 dev ov0", ""), "w2": showing("w2")}
    survey = Survey((Reach("pod-to-pod", "w1", "w2", False, "x"), Reach("pod-to-pod", "cp1", "w1", True)), pod_ips=IPS)
    found = explain(Asked(list(hosts), hosts, ADDRESSES), survey, frozenset(), PODS)
    assert [len(hosts[name].ran) for name in hosts] == [0, 1, 1]
    assert "w1 10.244.1.2 w2 10.244.2.2 node:w1 10.213.1.129 node:w2 10.213.1.130" in hosts["w1"].ran[0]
    assert found.reaches == survey.reaches


def test_the_machines_whose_pods_answer_for_the_dns_are_asked_too() -> None:
    hosts = {"cp1": showing("w1"), "w1": showing("w1"), "w2": showing("w2")}
    asked = Asked(list(hosts), hosts, ADDRESSES, dns=NameServers("10.96.0.10", ("w2",)))
    survey = Survey((Reach("dns-inside", "w1", "DNS", False, "no answer in 8 s"),), pod_ips=IPS)
    explain(asked, survey, frozenset(), PODS)
    assert [len(hosts[name].ran) for name in hosts] == [0, 1, 1]


def test_a_node_that_took_no_probe_is_asked_too() -> None:
    host = showing("w2", "10-bridge.conflist", "")
    found = explain(Asked([], {"w2": host}), Survey(idle=True), frozenset({"w2", "gone"}), PODS)
    assert [(cause.where, cause.rule) for cause in found.causes] == [("w2", "cni_configuration")]


def test_a_machine_that_does_not_answer_explains_nothing() -> None:
    def lost(command: str) -> Answered:
        raise RuntimeError(Answered(stderr="ssh: connection timed out", rc=255))

    hosts = {"w1": FakeHost(lost), "w2": FakeHost(lambda command: Answered("nonsense"))}
    survey = Survey((Reach("pod-to-pod", "w1", "w2", False, "x"),))
    assert explain(Asked(["w1", "w2"], hosts), survey, frozenset(), PODS).causes == ()


def test_what_a_machine_showed() -> None:
    found = read(recorded("wiring-w1.txt"), "SEPARATOR")
    assert found.forwards
    assert found.ways["w2"] == Way("ov0", "10.99.77.2")
    assert found.ways["node:cp1"] == Way("eth0")
    assert [(link.name, link.vni, link.vxlan_port, link.mac) for link in found.vxlans] == [
        ("ov0", 77, 4789, "02:00:00:00:77:01")
    ]
    assert (found.vxlans[0].sent, found.vxlans[0].received) == (1, 1)
    assert found.links["eth0"].mtu_bytes == 1500
    assert found.addresses["10.99.77.1"] == "ov0"
    assert Forwarding("02:00:00:00:77:02", "ov0", "10.213.1.130") in found.fdb
    assert found.proxies == {"kube-proxy"}
    assert [table.name for table in found.tables] == ["mangle", "filter"]
    assert found.tables[1].policies["FORWARD"] == "ACCEPT"
