"""What may be asked of a lab, and which machines it then has."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import LabError
from provisioner.inventory.model import Role
from provisioner.labs.spec import LabSpec, check, grown, machines, problems

SUBNET = IPv4Network("10.213.7.0/24")
SPEC = LabSpec()


def test_the_default_is_one_control_plane_and_two_workers() -> None:
    named = [(one.name, one.role, str(one.address)) for one in machines(SPEC, SUBNET)]
    assert named == [
        ("cp1", Role.CONTROL_PLANE, "10.213.7.11"),
        ("w1", Role.WORKER, "10.213.7.129"),
        ("w2", Role.WORKER, "10.213.7.130"),
    ]


def test_machines_are_reached_at_their_addresses_or_at_published_ports() -> None:
    direct = machines(SPEC, SUBNET)
    assert [(one.ssh_host, one.ssh_port) for one in direct][:2] == [("10.213.7.11", 22), ("10.213.7.129", 22)]
    published = machines(replace(SPEC, ssh_port=22022), SUBNET)
    assert {one.ssh_host for one in published} == {"127.0.0.1"}
    assert [one.ssh_port for one in published] == [22022, 22122, 22123]


@given(st.integers(1, 60), st.integers(0, 90), st.integers(1, 60), st.integers(0, 90))
def test_a_lab_that_grows_moves_no_machine(
    control_planes: int, workers: int, more_control_planes: int, more: int
) -> None:
    small = LabSpec(control_planes=control_planes, workers=workers, ssh_port=22022, subnet=SUBNET)
    large = grown(small, replace(small, control_planes=more_control_planes, workers=more))
    before, after = machines(small, SUBNET), machines(large, SUBNET)
    assert set(before) <= set(after)
    assert len({one.address for one in after}) == len(after)
    assert len({one.ssh_port for one in after}) == len(after)


def test_an_existing_lab_never_shrinks_and_keeps_its_network() -> None:
    recorded = LabSpec(control_planes=3, workers=4, subnet=SUBNET)
    again = grown(recorded, LabSpec(control_planes=1, workers=5))
    assert (again.control_planes, again.workers, again.subnet) == (3, 5, SUBNET)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (LabSpec(release="trixie"), "release"),
        (LabSpec(subnet=IPv4Network("10.1.0.0/24")), "subnet"),
        (LabSpec(ssh_port=2200), "ssh port"),
        (LabSpec(nat=True), "NAT"),
        (LabSpec(mtu=1400), "mtu"),
    ],
)
def test_what_only_a_new_lab_can_have_is_refused(asked: LabSpec, word: str) -> None:
    with pytest.raises(LabError) as caught:
        grown(LabSpec(subnet=SUBNET), asked)
    assert [problem.where for problem in caught.value.problems] == [word]
    assert "down" in caught.value.hint


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (LabSpec(control_planes=0), ["control planes"]),
        (LabSpec(workers=-1), ["workers"]),
        (LabSpec(release="potato"), ["release"]),
        (LabSpec(memory_mib=128), ["memory"]),
        (LabSpec(cpus=0.0), ["cpus"]),
        (LabSpec(mtu=100), ["mtu"]),
        (LabSpec(ssh_port=65500), ["ssh port"]),
        (LabSpec(subnet=IPv4Network("10.9.9.0/28")), ["subnet"]),
        (LabSpec(control_planes=0, workers=-1, release="x"), ["control planes", "workers", "release"]),
        (LabSpec(subnet=IPv4Network("10.9.9.0/25"), memory_mib=2048, cpus=2, ssh_port=22022), []),
    ],
)
def test_all_problems_are_found_at_once(spec: LabSpec, words: list[str]) -> None:
    assert [problem.where for problem in problems(spec)] == words


def test_a_bad_spec_is_refused_before_anything_else() -> None:
    with pytest.raises(LabError, match="cannot be made as requested") as caught:
        check(LabSpec(release="potato"))
    assert "bookworm" in str(caught.value.problems[0])
    assert caught.value.exit_code == 3


def test_addresses_stay_inside_the_network() -> None:
    spec = LabSpec(control_planes=50, workers=100)
    assert all(one.address in SUBNET for one in machines(spec, SUBNET))
    assert machines(spec, SUBNET)[-1].address == IPv4Address("10.213.7.228")
