"""Each cause by its name, found in what real machines showed: two workers whose pods' packets go through a VXLAN.

A case is the recorded output with what the fault changes in it, and who did not reach whom.
"""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from provisioner.core.report import Reach
from provisioner.errors import Problem
from provisioner.verification.causes import RULES, causes, of
from provisioner.verification.objects import NameServers
from provisioner.verification.paths import DNS, SERVICE
from provisioner.verification.situation import Situation
from provisioner.verification.wiring import Link, Way, Wiring, read
from tests.unit.verification.conftest import recorded

ADDRESSES = {"w1": "10.213.1.129", "w2": "10.213.1.130"}
PODS = IPv4Network("10.244.0.0/16")
SPEAKS = "-A FORWARD -{0} 10.244.0.0/16 -m comment --comment provisioner-pod-network -j ACCEPT\n"
VXLAN_WAY = "w2 10.244.2.0/24 via 10.99.77.2 dev ov0"
DROP_UDP = "-A INPUT -p udp -m udp --dport 4789 -j DROP"
DROP_DNS = "-A FORWARD -p udp -m udp --dport 53 -j DROP"
NOTHING = r"      0       0       0       0 \    TX"

Changes = tuple[tuple[str, str], ...]


def wiring(name: str, *changes: tuple[str, str]) -> Wiring:
    text = recorded(f"wiring-{name}.txt")
    for old, new in changes:
        assert old in text, f"{name}: {old}"
        text = text.replace(old, new)
    return read(text, "SEPARATOR")


def hole(path: str = "pod-to-pod", source: str = "w1", target: str = "w2", text: str = "nc: timed out") -> Reach:
    return Reach(path, source, target, False, text)


DNS_SERVERS = NameServers("10.96.0.10", ("w2",))


def no_name(text: str = "no answer in 8 s", path: str = "dns-inside") -> Reach:
    return hole(path, "w1", DNS, text)


def situation(
    w1: Changes = (),
    w2: Changes = (),
    *holes: Reach,
    unwell: frozenset[str] = frozenset(),
    dns: NameServers | None = DNS_SERVERS,
) -> Situation:
    found = {"w1": wiring("w1", *w1), "w2": wiring("w2", *w2)}
    return Situation(PODS, holes or (hole(),), unwell, found, ADDRESSES, dns)


def names(found: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(problem.where, problem.rule) for problem in found]


NO_ACCEPT: Changes = ((SPEAKS.format("s"), ""), (SPEAKS.format("d"), ""))
NARROW = hole(
    "largest-packet", text="packets as large as the pod's MTU (1500 bytes) do not arrive, packets of 1400 bytes do"
)
ONE_WAY: Changes = (("w1 10.244.1.0/24 via 10.99.77.1 dev ov0", "w1 10.244.1.0/24 via 10.213.1.129 dev eth0"),)


@pytest.mark.parametrize(
    ("found", "where", "rule", "words"),
    [
        (situation(w2=NO_ACCEPT), "w2", "forward_policy", "no rule accepts 10.244.0.0/16"),
        (situation(w2=((":FORWARD DROP", ":FORWARD ACCEPT"),
                       (SPEAKS.format("s"), "-A FORWARD -d 10.244.2.0/24 -i eth0 -j DROP\n"))),
         "w2", "firewall_drops", "-A FORWARD -d 10.244.2.0/24 -i eth0 -j DROP"),
        (situation(w1=(("ip_forward:1", "ip_forward:0"),)), "w1", "forwarding_off", "ip_forward is not 1"),
        (situation(w1=((VXLAN_WAY, "w2 default via 10.213.1.1 dev eth0"),)),
         "w1", "missing_route", "no route to the pods of w2; packets to them go to 10.213.1.1"),
        (situation(w1=((VXLAN_WAY, "w2"),)), "w1", "missing_route", "there is no route to the pods of w2"),
        (situation((), (*ONE_WAY, ("ov0/rp_filter:0", "ov0/rp_filter:1"))),
         "w2", "rp_filter", "packets of the pods on w1 arrive on ov0, but the way back is eth0"),
        (situation((), (*ONE_WAY, ("all/rp_filter:0", "all/rp_filter:1"))), "w2", "rp_filter", "rp_filter is 1"),
        (situation(w2=(("-A INPUT -j KUBE-FIREWALL", DROP_UDP),)),
         "w2", "vxlan_port", f"UDP 4789, which ov0 needs: {DROP_UDP}"),
        (situation(w2=((f"84       1{NOTHING}", f"0       0{NOTHING}"),)),
         "w2", "vxlan_port", "ov0 has sent 1 packets and received none: is UDP 4789 filtered?"),
        (situation(w1=(("link/ether 02:00:00:00:77:01", "link/ether 5e:1f:c3:00:12:34"),)),
         "w1", "vxlan_address", "ov0 is 5e:1f:c3:00:12:34, but the other nodes know it as 02:00:00:00:77:01"),
        (situation((("mtu 1500 qdisc noqueue state UNKNOWN", "mtu 1400 qdisc noqueue state UNKNOWN"),), (), NARROW),
         "w1", "mtu", "the MTU of ov0 is 1400, but the pods' packets need 1500"),
        (situation((("\nkube-proxy\n", "\n"),), (), hole("pod-to-service")), "w1", "kube_proxy", "does not run"),
        (situation((("200 OK", "503 Service Unavailable"),), (), hole("node-port", "w2", "w1")),
         "w1", "kube_proxy", "its healthz answers HTTP/1.0 503 Service Unavailable"),
        (situation((("10.213.1.11:6443 ok", "10.213.1.11:6443 failed"),), (), hole("api-server", target="API")),
         "w1", "api_server_unreachable", "cannot connect to the API server at 10.213.1.11:6443"),
        (situation((("10-bridge.conflist", "old.conf.bak"),), (), unwell=frozenset({"w1"})),
         "w1", "cni_configuration", "no network configuration"),
        (situation((), (), no_name(), dns=NameServers()), "cluster", "dns_servers", "has no Service kube-dns"),
        (situation((), (), no_name(), dns=NameServers("10.96.0.10")),
         "cluster", "dns_servers", "the Service kube-dns (10.96.0.10) has no endpoints"),
        (situation((), (), no_name("a.b is 10.9.9.9 and not 10.96.0.1")),
         "cluster", "dns_answer", "the cluster's DNS gives a wrong answer: a.b is 10.9.9.9 and not 10.96.0.1"),
        (situation((), (), no_name("a.b: ** server can't find a.b: NXDOMAIN")), "cluster", "dns_answer", "NXDOMAIN"),
        (situation((("-A INPUT -j KUBE-FIREWALL", DROP_DNS),), (), no_name()),
         "w1", "dns_filtered", f"UDP 53, which pods use to look up names: {DROP_DNS}"),
        (situation((), (("-A INPUT -j KUBE-FIREWALL", DROP_DNS),), no_name(path="dns-outside")),
         "w2", "dns_filtered", DROP_DNS),
    ],
)  # fmt: skip
def test_a_cause_is_named_with_its_machine(found: Situation, where: str, rule: str, words: str) -> None:
    problems = [problem for problem in causes(found) if (problem.where, problem.rule) == (where, rule)]
    assert problems, causes(found)
    assert words in problems[0].message
    assert problems[0].hint


def test_each_rule_has_a_case() -> None:
    (mark,) = test_a_cause_is_named_with_its_machine.pytestmark  # type: ignore[attr-defined]
    assert {case[2] for case in mark.args[1]} == {rule.__name__ for rule in RULES}


def test_nothing_is_said_of_machines_that_are_as_they_should_be() -> None:
    assert causes(situation()) == ()
    assert causes(situation((), (), hole("pod-to-service"), hole("node-port", "w2", "w1"))) == ()
    assert causes(Situation(PODS, (hole(),))) == ()


@pytest.mark.parametrize(
    "quiet",
    [
        situation((), (*ONE_WAY, ("ov0/rp_filter:0", "ov0/rp_filter:2"), ("all/rp_filter:0", "all/rp_filter:1"))),
        situation((), (("ov0/rp_filter:0", "ov0/rp_filter:1"),)),
        situation(w2=((":FORWARD DROP", ":FORWARD ACCEPT"), *NO_ACCEPT)),
        situation((("\nkube-proxy\n", "\nkube-router\n"),), (), hole("pod-to-service")),
        situation((("\nkube-proxy\n", "\n"),)),
        situation((("10-bridge.conflist", "x"),)),
        situation((("-A INPUT -j KUBE-FIREWALL", DROP_DNS),)),
        situation(dns=NameServers("10.96.0.10")),
        situation((), (), no_name("w.example: ** server can't find w.example: NXDOMAIN", "dns-outside")),
    ],
)
def test_what_hurts_nobody_is_no_cause(quiet: Situation) -> None:
    assert causes(quiet) == ()


def test_who_answers_where_the_dns_has_no_server_is_not_the_dns() -> None:
    strange = no_name("a.b: ** server can't find a.b: NXDOMAIN")
    assert names(causes(situation((), (), strange, dns=NameServers("10.96.0.10")))) == [("cluster", "dns_servers")]


def test_several_causes_are_all_named() -> None:
    closed = (":FORWARD ACCEPT", ":FORWARD DROP")
    found = causes(situation((*NO_ACCEPT, closed), (*NO_ACCEPT, ("\nkube-proxy\n", "\n")), hole(), hole("node-port")))
    assert names(found) == [("w1", "forward_policy"), ("w2", "forward_policy"), ("w2", "kube_proxy")]


def test_a_machine_between_that_carries_less_is_told_by_its_effect() -> None:
    plain = {name: Wiring(links={"eth0": Link("eth0", 1500)}, ways={other: Way("eth0", "192.0.2.1")})
             for name, other in (("w1", "w2"), ("w2", "w1"))}  # fmt: skip
    (found,) = causes(Situation(PODS, (NARROW,), wirings=plain))
    assert (found.where, found.rule) == ("w1", "mtu")
    assert "something on the way to w2 passes packets of 1400 bytes" in found.message


def test_a_tunnel_needs_room_for_its_headers() -> None:
    found = causes(situation((), (), NARROW))
    assert names(found) == [("w1", "mtu"), ("w2", "mtu")]
    assert found[0].message == "the MTU of eth0 is 1500, but the pods' packets need 1550"


def test_a_path_is_explained_by_what_concerns_it() -> None:
    proxy = Problem("kube_proxy", "w1", "it does not run")
    route = Problem("missing_route", "w1", "there is none")
    elsewhere = Problem("missing_route", "cp1", "there is none")
    found = (proxy, route, elsewhere)
    assert of(hole("pod-to-pod"), found) == [route]
    assert of(hole("hairpin", "w1", "w1"), found) == [proxy, route]
    assert of(hole("pod-to-pod", "w2", "w3"), found) == []
    assert of(hole("pod-to-service", "w2", SERVICE), found) == [proxy, route, elsewhere]
    servers = Problem("dns_servers", "cluster", "there are none")
    assert of(no_name(), (*found, servers)) == [route, elsewhere, servers]
    assert of(hole("pod-to-service", "w2", SERVICE), (servers,)) == []
