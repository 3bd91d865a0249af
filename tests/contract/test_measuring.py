"""What a machine finds out about the way to another, and about the ports there."""

from __future__ import annotations

from ipaddress import IPv4Address

from provisioner.catalog.networks import KUBERNETES_PORTS, ports
from provisioner.world.measure import Target, measure, read_ways
from provisioner.world.network import Passage, Way
from tests.contract.subject import Subject

ADDRESS = "10.77.0.2"
NEEDS = (KUBERNETES_PORTS[0], *ports("calico", "ipip"), *ports("weave", ""))
NAMES = [str(port) for port in NEEDS]


def measured(subject: Subject, address: str = ADDRESS) -> dict[IPv4Address, Way]:
    (result,) = subject.run(measure([Target(IPv4Address(address), 1500, 22, NEEDS)]))
    assert result.ok, result
    return read_ways(result)


def way(**found: Passage) -> dict[IPv4Address, Way]:
    told = {name: found.get(name.replace(" ", "_"), Passage.PASSES) for name in NAMES}
    return {IPv4Address(ADDRESS): Way(reached=True, mtu=1500, ports=told)}


def test_where_nobody_listens_yet_every_port_refuses_and_that_is_heard(subject: Subject) -> None:
    with subject.hands.neighbour(ADDRESS):
        assert measured(subject) == way()


def test_what_is_swallowed_is_proof_for_tcp_and_no_answer_otherwise(subject: Subject) -> None:
    with subject.hands.neighbour(ADDRESS, "TCP 6443", "UDP 6784", "IP protocol 4"):
        assert measured(subject) == way(
            TCP_6443=Passage.FILTERED, UDP_6784=Passage.SILENT, IP_protocol_4=Passage.SILENT
        )


def test_where_nobody_is_nothing_passes(subject: Subject) -> None:
    with subject.hands.neighbour(ADDRESS):
        (found,) = measured(subject, "10.77.0.3").values()
    assert not found.reached
    assert Passage.PASSES not in found.ports.values()
