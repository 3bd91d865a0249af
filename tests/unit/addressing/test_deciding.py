"""What is decided of each machine, and why: data in, a decision out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.inventory.values import Endpoint
from provisioner.world.addressing.deciding import decide
from provisioner.world.network import Decision
from provisioner.world.view import View
from tests.builders import host, joined, leading, live, nic, node
from tests.unit.addressing.fleet import NAT, fleet, ways

PRIVATE = {"cp1": (NAT, nic("eth1", "192.168.56.11/24")), "w1": (NAT, nic("eth1", "192.168.56.21/24"))}
TWO = {
    "cp1": (nic("eth0", "10.1.0.11/24"), nic("eth1", "10.2.0.11/24")),
    "w1": (nic("eth0", "10.1.0.21/24"), nic("eth1", "10.2.0.21/24")),
}
FREE = "no other machine has it, and eth1 is no engine's, plug-in's or tunnel's"
BOTH = {"cp1__192_168_56_21": 1500, "w1__192_168_56_11": 1500}
RECORD = Decision("eth1", IPv4Interface("192.168.56.21/24"), 1400, ("as it was",))


@dataclass(frozen=True)
class Case:
    """A fleet, and what is decided for w1: `interface address mtu`, and some of its reasons."""

    title: str
    view: View
    decided: str
    reasons: tuple[str, ...] = ()


CASES = (
    Case(
        "an address that two machines have is none",
        fleet(PRIVATE, ways=ways(**BOTH)),
        "eth1 192.168.56.21/24 1500",
        (
            FREE,
            "all who tried reach it",
            "packets of 1500 bytes pass between all machines",
            "not eth0 10.0.2.15: cp1 has it too",
        ),
    ),
    Case(
        "the address that the inventory reaches comes first",
        fleet(TWO, host("w1", "10.2.0.21"), ways=ways(cp1__10_1_0_21=1500, cp1__10_2_0_21=1500)),
        "eth1 10.2.0.21/24 1500",
        ("the inventory reaches the machine there",),
    ),
    Case(
        "one that the others do not reach is passed over, the inventory's too",
        fleet(TWO, host("w1", "10.1.0.21"), ways=ways(cp1__10_1_0_21=0, cp1__10_2_0_21=1500)),
        "eth1 10.2.0.21/24 1500",
        ("not eth0 10.1.0.21: cp1 cannot reach it",),
    ),
    Case(
        "node_ip leaves no choice",
        fleet(TWO, host("w1", "10.1.0.21", node_ip=IPv4Address("10.2.0.21")), ways=ways(cp1__10_2_0_21=0)),
        "eth1 10.2.0.21/24 1500",
        ("node_ip in the inventory says so", "cp1 cannot reach it"),
    ),
    Case(
        "node_interface leaves none either, be it a tunnel",
        fleet(
            {**TWO, "w1": (*TWO["w1"], nic("wg0", "10.9.0.21/24", 1420))},
            host("w1", "10.1.0.21", node_interface="wg0"),
            ways=ways(cp1__10_9_0_21=1420),
        ),
        "wg0 10.9.0.21/24 1420",
        ("node_interface in the inventory says so",),
    ),
    Case(
        "what engines, plug-ins and tunnels have made is no node's",
        fleet({
            **TWO,
            "w1": (
                nic("docker0", "172.17.0.1/16"), nic("cni0", "10.244.1.1/24"), nic("flannel.1", "10.244.1.0/32"),
                replace(nic("office", "10.8.0.2/24"), link="none"), nic("eth0", "169.254.7.7/16"),
                nic("ens5", "10.1.0.21/24"),
            ),
        }),
        "ens5 10.1.0.21/24 1500",
    ),
    Case(
        "the virtual address of the API server is the last choice",
        fleet(
            {**TWO, "w1": (nic("eth0", "10.1.0.100/32"), nic("eth0", "10.1.0.21/24"))},
            settings={"control_plane_endpoint": Endpoint("10.1.0.100")},
        ),
        "eth0 10.1.0.21/24 1500",
    ),
    Case(
        "the path MTU is that of the narrowest way",
        fleet(PRIVATE, ways=ways(cp1__192_168_56_21=1500, w1__192_168_56_11=1380)),
        "eth1 192.168.56.21/24 1380",
        ("packets of 1380 bytes pass between all machines; eth1 itself takes 1500",),
    ),
    Case(
        "without an answer to pings the interfaces' own is taken, and said",
        fleet(PRIVATE, ways=ways(cp1__192_168_56_21=None, w1__192_168_56_11=None)),
        "eth1 192.168.56.21/24 1500",
        (
            "packets of 1500 bytes as the interfaces are set: that was not measured (no ping, or no answer to it)",
        ),
    ),
    Case(
        "jumbo frames on one machine are none on the other",
        fleet({"cp1": (nic("eth0", "10.1.0.11/24"),), "w1": (nic("eth0", "10.1.0.21/24", 9000),)}),
        "eth0 10.1.0.21/24 1500",
    ),
    Case(
        "what was decided stays, whatever would be decided now",
        fleet(TWO, states={"w1": joined(network=RECORD)}, ways=ways(cp1__10_1_0_21=1500)),
        "eth1 192.168.56.21/24 1400",
        ("as it was",),
    ),
    Case(
        "nothing was made with it yet, and the address is gone: it is decided again",
        fleet(TWO, states={"w1": replace(joined(network=RECORD), has_kubelet_conf=False)}),
        "eth0 10.1.0.21/24 1500",
    ),
    Case(
        "a node of an older version keeps the address that it has in the cluster",
        fleet(
            TWO, states={"cp1": leading(), "w1": joined()}, live=live(node("w1", 1, internal_ip="10.2.0.21")),
            ways=ways(cp1__10_2_0_21=1500),
        ),
        "eth1 10.2.0.21/24 1500",
        ("the node has it in the running cluster",),
    ),
    Case(
        "who comes later does not get larger packets than the cluster was made with",
        fleet(
            {**PRIVATE, "w2": (nic("eth1", "192.168.56.22/24"),)},
            states={"w2": joined(network=replace(RECORD, ip=IPv4Interface("192.168.56.22/24")))},
            ways=ways(**BOTH),
        ),
        "eth1 192.168.56.21/24 1400",
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_what_is_decided(case: Case) -> None:
    decided = decide(case.view)["w1"]
    assert f"{decided.interface} {decided.ip} {decided.mtu}" == case.decided
    assert set(case.reasons) <= set(decided.reasons)


def test_a_machine_with_no_address_of_its_own_has_no_decision() -> None:
    assert set(decide(fleet({"cp1": (NAT,), "w1": (NAT, nic("eth1", "10.1.0.21/24"))}))) == {"w1"}


def test_a_machine_alone_needs_no_measurement() -> None:
    (decided,) = decide(fleet({"cp1": (nic("eth0", "10.1.0.11/24"),)})).values()
    assert decided.reasons[-1] == "packets of 1500 bytes as the interfaces are set: there is no other machine"


MACHINES = st.dictionaries(
    st.sampled_from(["cp1", "w1", "w2", "w3"]),
    st.lists(st.sampled_from(["10.0.2.15/24", *(f"10.{net}.0.{end}/24" for net in (1, 2) for end in (5, 6, 7, 8))])),
    min_size=1,
)
FOUND = st.dictionaries(st.tuples(st.sampled_from(["cp1", "w1", "w2", "w3"]), st.integers(5, 8)), st.booleans())


@given(MACHINES, FOUND)
def test_whatever_the_machines_have_no_two_get_the_same_and_what_is_written_down_stays(
    machines: dict[str, list[str]], found: dict[tuple[str, int], bool]
) -> None:
    told = {f"{name}__10_1_0_{end}": 1500 if reached else 0 for (name, end), reached in found.items()}
    named = {
        name: tuple(nic(f"eth{place}", address) for place, address in enumerate(dict.fromkeys(addresses)))
        for name, addresses in machines.items()
    }
    before = fleet(named, ways=ways(**told))
    decided = decide(before)
    chosen = [one.ip.ip for one in decided.values()]
    assert len(chosen) == len(set(chosen))
    states = {name: joined(network=one) for name, one in decided.items()}
    assert decide(fleet(named, states=states)).items() >= decided.items()
