"""Ports that do not pass between real machines, found before anything is installed there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import Tally
from tests.e2e.conftest import FINGERPRINT
from tests.e2e.faults import PASSING, damaged, refused, swallowing
from tests.e2e.machines import fresh
from tests.e2e.world import Said, World, provisioner

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("counted_fault")]

LAB = "e2e-ports"
# Never fetched for measuring: only the network is looked at.
IPIP = {
    "kubernetes_version": "1.34.1",
    "package_source": {"type": "upstream"},
    "network": {"type": "calico", "encapsulation": "ipip"},
}
FLANNEL = {"network": {"type": "flannel", "version": "0.13.0"}, "images": "registry"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Two machines with nothing on them."""
    with fresh(LAB, workers=1) as world:
        yield world


@contextmanager
def swallowed(world: World, *ports: str) -> Iterator[None]:
    """The control plane does not receive what is sent to these ports."""
    with damaged(world, "cp1", swallowing("eth0", *ports), PASSING):
        yield


def shown(world: World, want: dict[str, Any]) -> tuple[Said, dict[str, dict[str, str]]]:
    """`network show`, and what it says of ports by the machine that has probed them."""
    with world.changed_inventory(**want) as path:
        said = provisioner("network", "show", "-i", str(path), "--json")
    return said, {event["from"]: event["ports"] for event in said.events if "from" in event}


def rules(said: Said) -> list[tuple[str, str]]:
    """The warnings about ports, each with where."""
    found = [event["problem"] for event in said.events if event.get("event") == "found"]
    return [(problem["rule"], problem["where"]) for problem in found if problem["rule"].startswith("port-")]


def test_where_everything_passes_nothing_is_said(world: World) -> None:
    assert rules(planned := world.json("plan")) == []
    assert planned.code == 0, planned
    said, ports = shown(world, IPIP)
    assert (said.code, rules(said)) == (0, []), said
    ours = {"IP protocol 4": "passes", "TCP 179": "passes"}
    assert ports == {"cp1": {**ours, "TCP 10250": "passes"}, "w1": {**ours, "TCP 6443": "passes"}}


def test_the_api_server_s_port_is_swallowed_and_nothing_is_changed(world: World, tally: Tally) -> None:
    before = {machine: world.shell(machine, FINGERPRINT) for machine in world.machines}
    with swallowed(world, "TCP 6443"):
        said = refused(world, world.document(), 3, "w1 -> cp1: TCP 6443 (API server) does not pass", "security group")
    assert "port-unproved" not in said.stdout + said.stderr
    assert {machine: world.shell(machine, FINGERPRINT) for machine in world.machines} == before
    assert world.json("plan").code == 0


def test_silence_of_udp_is_a_warning_that_says_what_it_is_worth(world: World) -> None:
    with swallowed(world, "UDP 8472"):
        said, ports = shown(world, FLANNEL)
    assert said.code == 0, said
    assert rules(said) == [("port-unproved", "w1 -> cp1")]
    assert ports["w1"] == {"TCP 6443": "passes", "UDP 8472": "no answer"}
    assert ports["cp1"] == {"TCP 10250": "passes", "UDP 8472": "passes"}


def test_silence_of_ip_in_ip_is_one_and_bgp_stands_in_the_way(world: World) -> None:
    with swallowed(world, "TCP 179", "IP protocol 4"):
        said, ports = shown(world, IPIP)
    assert said.code == 3, said
    assert rules(said) == [("port-unproved", "w1 -> cp1")]
    assert "TCP 179 (BGP) does not pass" in said.stdout
    assert ports["w1"] == {"TCP 6443": "passes", "TCP 179": "filtered", "IP protocol 4": "no answer"}


def test_without_perl_nothing_is_claimed(world: World) -> None:
    with swallowed(world, "TCP 6443"), damaged(world, "w1", "mv /usr/bin/perl /root/", "mv /root/perl /usr/bin/"):
        said = world.json("plan")
    assert (said.code, rules(said)) == (0, []), said
