"""Who tries to reach whom."""

from __future__ import annotations

from ipaddress import IPv4Interface

from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.command import Command
from provisioner.world.addressing.deciding import decide
from provisioner.world.addressing.reachability import SAMPLE, SMALL_FLEET, pairs, questions
from provisioner.world.facts import HostState
from provisioner.world.network import Decision
from tests.builders import joined, nic
from tests.unit.addressing.fleet import NAT, fleet, ways

THREE = {f"{name}": (NAT, nic("eth1", f"10.1.0.{end}/24", 1400)) for name, end in (("cp1", 1), ("w1", 2), ("w2", 3))}


def targets(command: Command) -> list[tuple[str, ...]]:
    """Address, size and port of each."""
    words = command.argv[7:]
    return list(zip(words[::4], words[1::4], words[2::4], strict=True))


def test_in_a_small_fleet_every_host_tries_every_other_at_once_and_never_a_shared_address() -> None:
    asked = questions(fleet(THREE))
    assert {name: targets(command) for name, command in asked.items()} == {
        "cp1": [("10.1.0.2", "1400", "2201"), ("10.1.0.3", "1400", "2202")],
        "w1": [("10.1.0.3", "1400", "2202"), ("10.1.0.1", "1400", "2200")],
        "w2": [("10.1.0.1", "1400", "2200"), ("10.1.0.2", "1400", "2201")],
    }


def needs(command: Command) -> dict[str, str]:
    """The ports to probe, by address."""
    words = command.argv[7:]
    return dict(zip(words[::4], words[3::4], strict=True))


def test_every_host_probes_the_ports_that_it_will_need() -> None:
    view = fleet({**THREE, "cp2": (nic("eth1", "10.1.0.4/24"),)}, settings={"network": {"type": "flannel"}})
    asked = {name: needs(command) for name, command in questions(view).items()}
    assert asked["w1"] == {
        "10.1.0.1": "TCP 6443,UDP 8472", "10.1.0.3": "UDP 8472", "10.1.0.4": "TCP 6443,UDP 8472",
    }  # fmt: skip
    assert asked["cp1"] == {
        "10.1.0.2": "TCP 10250,UDP 8472",
        "10.1.0.3": "TCP 10250,UDP 8472",
        "10.1.0.4": "TCP 6443,TCP 10250,TCP 2379,TCP 2380,UDP 8472",
    }


def test_the_plain_network_needs_nothing_of_its_own_and_ip_in_ip_only_leads_to_other_networks() -> None:
    assert needs(questions(fleet(THREE))["w1"]) == {"10.1.0.1": "TCP 6443", "10.1.0.3": ""}
    far = fleet({**THREE, "w2": (nic("eth1", "10.2.0.3/24"),)}, settings={"network": {"type": "kube-router"}})
    assert needs(questions(far)["w1"]) == {
        "10.1.0.1": "TCP 6443,TCP 179", "10.2.0.3": "TCP 179,IP protocol 4",
    }  # fmt: skip


def test_what_is_decided_and_not_joined_yet_is_tried_again_and_a_nodes_ports_are_probed_only_when_asked_for() -> None:
    decided = decide(fleet(THREE))
    killed = {name: HostState(network=one) for name, one in decided.items()}
    assert set(questions(fleet(THREE, states=killed))) == set(THREE)
    unmeasured = dict.fromkeys(THREE, joined())
    assert set(needs(questions(fleet(THREE, states=unmeasured))["w1"]).values()) == {""}
    assert "TCP 6443" in needs(questions(fleet(THREE, states=unmeasured), everything=True)["w1"]).values()


def test_what_is_decided_is_not_measured_again() -> None:
    view = fleet(THREE)
    states = {name: joined(network=decided) for name, decided in decide(view).items()}
    assert questions(fleet(THREE, states=states)) == {}
    assert len(questions(fleet(THREE, states=states), everything=True)) == 3


def test_a_machine_that_comes_later_is_measured_with_all_others_and_these_not_among_themselves() -> None:
    states = {
        name: joined(network=Decision("eth1", IPv4Interface(f"10.1.0.{end}/24"), 1400))
        for name, end in (("cp1", 1), ("w1", 2))
    }
    asked = questions(fleet(THREE, states=states))
    assert {name: [ip for ip, *_ in targets(command)] for name, command in asked.items()} == {
        "cp1": ["10.1.0.3"],
        "w1": ["10.1.0.3"],
        "w2": ["10.1.0.1", "10.1.0.2"],
    }


def test_what_was_measured_in_this_run_is_not_asked_once_more() -> None:
    asked = questions(fleet(THREE, ways=ways(cp1__10_1_0_2=1400, cp1__10_1_0_3=0)))
    assert set(asked) == {"w1", "w2"}


def test_a_machine_alone_has_nobody_to_try() -> None:
    assert questions(fleet({"cp1": THREE["cp1"]})) == {}


def test_the_packet_that_is_hoped_for_is_the_smaller_of_both_ends() -> None:
    view = fleet({"cp1": (nic("eth0", "10.1.0.1/24", 1300),), "w1": (nic("eth0", "10.1.0.2/24", 9000),)})
    assert {name: targets(command)[0][1] for name, command in questions(view).items()} == {"cp1": "1300", "w1": "1300"}


@given(st.integers(1, 400), st.integers(0, 3))
def test_every_host_tries_and_is_tried_and_the_work_grows_with_the_fleet_and_not_its_square(
    size: int, control_planes: int
) -> None:
    names = tuple(f"n{number:03}" for number in range(size))
    told = list(pairs(names, frozenset(names[:control_planes])))
    found = set(told)
    assert len(told) == len(found)
    assert {(other, name) for name, other in found} == found
    assert not any(name == other for name, other in found)
    if size > 1:
        assert {name for name, _ in found} == set(names)
    assert {(name, plane) for name in names for plane in names[:control_planes] if name != plane} <= found
    assert len(found) <= size * (SMALL_FLEET if size <= SMALL_FLEET else 2 * (SAMPLE + control_planes))
