"""What preflight says of the network decision, and of the cluster's networks beside those of the machines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from provisioner.errors import Severity
from provisioner.inventory.model import Host
from provisioner.preflight import addresses
from provisioner.world.addresses import Address, Route
from provisioner.world.network import Decision, Way
from provisioner.world.view import View
from tests.builders import cluster, facts, host, joined, leading, live, nic, node, running, view

RECORD = Decision("eth0", IPv4Interface("10.0.0.21/24"), 1500, ("it was so",))
PLANE = replace(RECORD, ip=IPv4Interface("10.0.0.11/24"))
NEXT = "10.244.0.0/16"
ONE_MORE = {name: node(name, place, internal_ip=f"10.0.0.{place}") for place, name in enumerate("abcde")}


@dataclass(frozen=True)
class Case:
    """A view, and what is found in it: `rule at where: part of the message -> part of the hint`."""

    title: str
    view: View
    findings: tuple[str, ...] = ()


def decided(*nics: Address, hosts: tuple[Host, ...] = (), **changes: Any) -> View:
    """A cluster whose worker w1 was made with a decision, and has these addresses now."""
    known = {"w1": facts("w1", "10.0.0.21", addresses=nics)} if nics else {}
    states = {"cp1": leading(network=PLANE), "w1": joined(network=RECORD), "w2": joined()}
    return running(cluster(*hosts), **{"states": states, "facts": known, **changes})


def with_route(to: str, interface: str = "tun0", protocol: str = "", **settings: Any) -> View:
    """Fresh machines, of which w1 knows a way to somewhere."""
    route = Route(IPv4Network(to), interface, protocol)
    return view(cluster(**settings), facts={"w1": facts("w1", "10.0.0.21", routes=(route,))})


def tried(**found: Way) -> View:
    """Fresh machines, and what w1 found out about cp1 (10.0.0.11) and w2 (10.0.0.22)."""
    addresses = {"cp1": "10.0.0.11", "w2": "10.0.0.22"}
    return view(ways={("w1", IPv4Address(addresses[name])): way for name, way in found.items()})


LOST = Way(reached=False)

CASES = (
    Case("machines as they should be", view()),
    Case("a cluster as it was made", decided()),
    Case(
        "an interface that nobody has",
        view(cluster(host("cp1", "10.0.0.11", node_interface="eth7"), host("w1", "10.0.0.21", node_interface="eth7"))),
        ("node-interface at cp1, w1: no host has an interface eth7 -> Existing interfaces: eth0. Correct",),
    ),
    Case(
        "an interface that others have",
        view(
            cluster(host("cp1", "10.0.0.11", node_interface="ens5"), host("w1", "10.0.0.21", node_interface="ens5")),
            facts={"cp1": facts("cp1", "10.0.0.11", addresses=(nic("ens5", "10.0.0.11/24"),))},
        ),
        ("node-interface at w1: there is no interface ens5 with an address -> Existing interfaces: eth0",),
    ),
    Case(
        "node_ip that the machine does not have",
        view(cluster(host("cp1", "10.0.0.11", node_ip=IPv4Address("10.9.9.9")))),
        ("node-address at cp1: has no interface with its node_ip 10.9.9.9 -> Set node_ip",),
    ),
    Case(
        "no address but one that another has",
        view(facts={name: facts(name, "10.0.2.15") for name in ("w1", "w2")}),
        (
            "node-address at w1: has no address of its own -> Set node_ip",
            "node-address at w2: has no address of its own -> Set node_ip",
        ),
    ),
    Case(
        "the address has changed",
        decided(nic("eth0", "10.0.0.99/24")),
        ("network-changed at w1: was made with 10.0.0.21 on eth0, and eth0 has 10.0.0.99 now -> Restore",),
    ),
    Case(
        "the interface is gone",
        decided(nic("eth1", "10.0.0.99/24")),
        ("network-changed at w1: was made with 10.0.0.21 on eth0, and eth0 is missing -> Restore",),
    ),
    Case(
        "the interface has another name",
        decided(nic("ens3", "10.0.0.21/24")),
        ("network-changed at w1: and that address is on ens3 now -> Restore",),
    ),
    Case(
        "the interface takes smaller packets than it did",
        decided(nic("eth0", "10.0.0.21/24", 1300)),
        ("(warning) network-changed at w1: MTU of the interface is only 1300 now -> ip link set eth0 mtu 1500",),
    ),
    Case(
        "the inventory wants another address for a node that is made",
        decided(
            nic("eth0", "10.0.0.21/24"),
            nic("eth1", "10.1.0.21/24"),
            hosts=(host("cp1", "10.0.0.11"), host("w1", "10.0.0.21", node_ip=IPv4Address("10.1.0.21"))),
        ),
        ("network-node at w1: was made with 10.0.0.21 on eth0, and the inventory wants node_ip 10.1.0.21 -> remove",),
    ),
    Case(
        "the same for its interface, on a machine from which kubeadm has been called away",
        view(
            cluster(host("cp1", "10.0.0.11", node_interface="eth1")),
            states={"cp1": leading(init_begun=True, network=PLANE)},
            facts={
                "cp1": facts(
                    "cp1", "10.0.0.11", addresses=(nic("eth0", "10.0.0.11/24"), nic("eth1", "10.1.0.11/24"))
                )
            },
        ),
        ("network-node at cp1: and the inventory wants node_interface eth1 -> kubeadm reset",),
    ),
    Case(
        "two machines with the same decision",
        decided(states={"cp1": leading(), "w1": joined(network=RECORD), "w2": joined(network=RECORD)}),
        (
            "network-changed at w2: was made with 10.0.0.21 on eth0, and eth0 has 10.0.0.22 now -> Restore",
            "shared-address at w1, w2: all have the address 10.0.0.21 -> node_ip",
        ),
    ),
    Case(
        "a machine that another cannot reach",
        tried(cp1=Way(reached=True, mtu=1500), w2=LOST),
        ("unreached at w2: w1 cannot reach it at 10.0.0.22 (eth0) -> port 22 is answered: allow traffic",),
    ),
    Case(
        "who names the address by hand may know better",
        replace(
            tried(w2=LOST),
            cluster=cluster(
                host("cp1", "10.0.0.11"), host("w1", "10.0.0.21"),
                host("w2", "10.0.0.22", node_ip=IPv4Address("10.0.0.22")),
            ),
        ),
        ("(warning) unreached at w2: w1 cannot reach it at 10.0.0.22 (eth0) -> set node_ip",),
    ),
    Case(
        "larger packets are desired than pass",
        replace(tried(cp1=Way(reached=True, mtu=1400)), cluster=cluster(network={"mtu": 1450})),
        tuple(
            f"mtu at {name}: network.mtu is 1450, but packets larger than 1400 bytes do not pass -> mtu to 1400"
            for name in ("cp1", "w1", "w2")
        ),
    ),
    Case(
        "what passes has no room for what the plug-in adds",
        replace(
            tried(cp1=Way(reached=True, mtu=1400)), cluster=cluster(network={"type": "flannel", "mtu": 1400})
        ),
        tuple(
            f"mtu at {name}: network.mtu is 1400, and flannel adds 50 bytes to each packet, -> network.mtu to 1350 or"
            for name in ("cp1", "w1", "w2")
        ),
    ),
    Case(
        "what passes has room for all of it",
        replace(
            tried(cp1=Way(reached=True, mtu=1400)), cluster=cluster(network={"type": "flannel", "mtu": 1350})
        ),
    ),
    Case(
        "a machine that comes later lets smaller packets through",
        decided(
            hosts=(host("cp1", "10.0.0.11"), host("w1", "10.0.0.21"), host("w3", "10.0.0.23")),
            live=live(),
            states={"cp1": leading(network=PLANE), "w1": joined(network=RECORD)},
            ways={("w1", IPv4Address("10.0.0.23")): Way(reached=True, mtu=1400)},
        ),
        ("mtu at w3: the path MTU to it is only 1400; the cluster was -> network.mtu:",),
    ),
    Case(
        "a network that says less than the machine's address does",
        view(cluster(pod_cidr="10.0.0.0/16"), facts={"w1": facts("w1", "10.0.0.21")}),
        (
            f"overlapping-network at cp1, w1, w2: 10.0.0.0/16 overlaps 10.0.0.0/24, the network of eth0 -> {NEXT}",
        ),
    ),
    Case(
        "a VPN",
        with_route("10.100.0.0/16"),
        (
            "overlapping-network at w1: service_cidr 10.96.0.0/12 overlaps 10.100.0.0/16, which is routed through "
            "tun0 -> service_cidr: 10.16.0.0/12",
        ),
    ),
    Case("the whole world by VPN, in two halves", with_route("0.0.0.0/1")),
    Case("what a plug-in has left behind", with_route("10.244.1.0/24", "cni0")),
    Case("routes of our own", with_route("10.244.1.0/24", "eth0", "112")),
    Case(
        "a bridge of Docker's",
        view(
            cluster(pod_cidr="172.18.0.0/16"),
            facts={"w1": facts("w1", addresses=(nic("br-1f", "172.18.0.1/16"), nic("eth0", "10.0.0.2/24")))},
        ),
        (f"overlapping-network at w1: pod_cidr 172.18.0.0/16 overlaps 172.18.0.0/16, the network of br-1f -> {NEXT}",),
    ),
    Case(
        "on a node, what was decided about its networks is past",
        running(facts={"w1": facts("w1", "10.0.0.21", routes=(Route(IPv4Network("10.244.0.0/16"), "tun0"),))}),
    ),
    Case(
        "more nodes than the pod network has parts",
        running(
            cluster(pod_cidr="10.244.0.0/22"),
            live=live(*ONE_MORE.values()),
        ),
        ("small-network at pod_cidr: a /22 has room for 4, and the cluster has 8 nodes -> at least a /21",),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_findings(case: Case) -> None:
    found = [problem for rule in addresses.RULES for problem in rule(case.view)]
    assert len(found) == len(case.findings), found
    for problem, wanted in zip(found, case.findings, strict=True):
        head, _, message = wanted.partition(": ")
        message, _, hint = message.partition(" -> ")
        warning = "(warning) " if problem.severity is Severity.WARNING else ""
        assert f"{warning}{problem.rule} at {problem.where}" == head
        assert message in problem.message
        assert hint in problem.hint
