"""`provisioner network show`, on simulated machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from provisioner.engine.session import Session
from tests.fake.world import World
from tests.scenarios.sweep import in_virtualbox
from tests.unit.cli.conftest import GOOD, Call, Said, write

Show = Callable[..., Said]


@pytest.fixture
def show(call: Call, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], Show]:
    """The command on that world's machines, whatever inventory is read."""

    def on(world: World) -> Show:
        @contextmanager
        def opened(*arguments: Any, **more: Any) -> Iterator[Session]:
            yield world.begin()

        monkeypatch.setattr("provisioner.cli.network.open_session", opened)
        return lambda *words: call(
            "network", "show", "-i", write("inventory.yaml", GOOD.replace("nowhere-bundle", ".")), *words
        )

    return on


def test_the_table_the_reasons_and_the_ways(show: Callable[[World], Show]) -> None:
    said = show(in_virtualbox())()
    assert said.code == 0
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "host address interface MTU state" in lines
    assert "w1 10.0.0.21/24 eth1 1400 not written down yet" in lines
    assert "w1: not eth0 10.0.2.15: cp1, w2 have it too" in lines
    assert "MTU of the pods: 1400 bytes." in lines
    assert "cp1 10.0.0.21 1400 pass" in lines
    assert "w2 10.0.0.21 1400" in lines, "workers need no port of each other's on the plain network"


def test_ports_that_do_not_pass_are_in_the_table_and_among_the_findings(show: Callable[[World], Show]) -> None:
    world = in_virtualbox()
    world.machines["cp1"].filtered.add("TCP 6443")
    said = show(world)()
    assert said.code == 3
    assert "w1 10.0.0.11 1400 TCP 6443: filtered" in [" ".join(line.split()) for line in said.out.splitlines()]
    assert "w1 -> cp1, w2 -> cp1: TCP 6443 (API server) does not pass" in " ".join(said.err.split())
    ways = [row for line in show(world)("--json").out.splitlines() if "from" in (row := json.loads(line))]
    assert {(way["from"], way["to"]): way["ports"] for way in ways}["w1", "10.0.0.11"] == {"TCP 6443": "filtered"}


def test_on_a_cluster_nothing_is_measured_unless_asked(show: Callable[[World], Show]) -> None:
    world = in_virtualbox()
    world.apply()
    quiet = [json.loads(line) for line in show(world)("--json").out.splitlines()]
    assert [(row["host"], row["state"], row["mtu"]) for row in quiet] == [
        (name, "in use", 1400) for name in ("cp1", "w1", "w2")
    ]
    world.machines["w2"].cut_off.add("10.0.0.22")
    again = show(world)("--json", "--measure")
    ways = {
        (row["from"], row["to"]): row["reached"]
        for line in again.out.splitlines()
        if "from" in (row := json.loads(line))
    }
    assert {to for (_, to), reached in ways.items() if not reached} == {"10.0.0.22"}
    assert len(ways) == 6
    assert again.code == 3, "it is a finding, as for plan and apply"
    assert "cannot reach it at 10.0.0.22" in again.out


def test_a_machine_without_an_address_of_its_own_is_in_the_table(show: Callable[[World], Show]) -> None:
    world = in_virtualbox()
    for name in ("w1", "w2"):
        world.machines[name].nics.pop("eth1")
    said = show(world)()
    assert said.code == 3
    assert "w1 none none to choose" in [" ".join(line.split()) for line in said.out.splitlines()]
    assert "Set node_ip" in said.err
