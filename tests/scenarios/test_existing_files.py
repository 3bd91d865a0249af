"""Machines that were set up before: their files are kept, and what would be lost is reported first."""

from __future__ import annotations

import json

import pytest

from provisioner.core.report import Found
from provisioner.errors import PreflightError, Problem, Severity
from tests.builders import cluster
from tests.conftest import Tally
from tests.fake.world import World
from tests.hostile import HOSTILE
from tests.scenarios.sweep import ended, hosts

DAEMON_JSON, CONTAINERD = "/etc/docker/daemon.json", "/etc/containerd/config.toml"
KUBECONFIG = "/home/admin/.kube/config"
KEPT = ".before-provisioner"
SETTINGS = '{"dns": ["10.0.0.1"], "insecure-registries": ["registry.example:5000"]}\n'
OF_ANOTHER = "clusters:\n- cluster:\n    certificate-authority-data: b3RoZXI=\n"


def told(world: World) -> list[Problem]:
    """What a plan says of settings that are lost."""
    world.heard.clear()
    world.plan()
    problems = (event.problem for event in world.heard if isinstance(event, Found))
    return [problem for problem in problems if problem.rule == "runtime-settings"]


def test_what_is_there_is_kept_and_what_is_lost_is_told() -> None:
    world = World(hosts(2))
    for name in ("cp1", "w1"):
        world.machines[name].put(DAEMON_JSON, SETTINGS, "640")
    world.machines["cp1"].put(KUBECONFIG, OF_ANOTHER, "600", "admin:admin")
    outcome = world.plan()
    (problem,) = told(world)
    assert (problem.where, problem.severity) == ("cp1, w1", Severity.WARNING)
    assert problem.message == (
        f'{DAEMON_JSON} sets "dns", "insecure-registries", and '
        f"provisioner's file does not: it is kept as {DAEMON_JSON}{KEPT}, and not used"
    )
    planned = [(step.subject, step.change.summary) for step in outcome.plan.steps if "keep" in step.change.summary]
    words = f"change {DAEMON_JSON}, and keep the existing file as daemon.json{KEPT}"
    copied = (
        f"copy /etc/kubernetes/admin.conf to {KUBECONFIG} (0600, admin), and keep the existing file as config{KEPT}"
    )
    assert planned == [("cp1", words), ("w1", words), ("cp1", copied)]
    assert world.apply().errors == {}
    for name in ("cp1", "w1"):
        file = world.machines[name].files[DAEMON_JSON + KEPT]
        assert (file.text, file.mode) == (SETTINGS, "640")
    assert world.machines["cp1"].read(KUBECONFIG + KEPT) == OF_ANOTHER
    assert told(world) == []
    world.apply()
    assert world.done() == {}


def test_data_that_would_not_be_found_any_more_stops_before_anything_is_changed() -> None:
    world = World(hosts(2))
    world.machines["w1"].put(DAEMON_JSON, '{"data-root": "/data", "bip": "10.9.0.1/16"}\n')
    before = ended(world)
    with pytest.raises(PreflightError) as error:
        world.apply()
    assert ended(world) == before
    (problem,) = [one for one in error.value.problems if one.severity is Severity.ERROR]
    assert (problem.rule, problem.where) == ("runtime-data", "w1")
    assert problem.message.startswith(f'{DAEMON_JSON} sets "data-root": ')
    assert "with provisioner's file, images and containers there are not found" in problem.message
    assert f"`mv {DAEMON_JSON} {DAEMON_JSON}.old`" in problem.hint
    world.machines["w1"].move(DAEMON_JSON, f"{DAEMON_JSON}.old")
    assert world.apply().errors == {}


def test_only_the_runtime_s_own_file_matters() -> None:
    """With Docker, containerd's configuration stays, whatever wrote it."""
    world = World(hosts(1))
    world.machines["w1"].put(CONTAINERD, 'root = "/data"\n')
    assert world.apply().errors == {}
    assert world.machines["w1"].read(CONTAINERD) == 'root = "/data"\n'
    assert CONTAINERD + KEPT not in world.machines["w1"].files


def test_a_killed_run_keeps_what_was_there_and_not_its_own() -> None:
    """It is kept, and ours is half written: what is kept stays as it is."""
    world = World(hosts(1))
    machine = world.machines["w1"]
    machine.put(DAEMON_JSON, SETTINGS)
    machine.put(DAEMON_JSON + KEPT, SETTINGS)
    machine.put("/etc/docker/.daemon.json.provisioner", "{")
    assert told(world) == []
    assert world.apply().errors == {}
    assert machine.read(DAEMON_JSON + KEPT) == SETTINGS
    assert "exec-opts" in machine.read(DAEMON_JSON)


def test_names_in_such_a_file_are_shown_and_nothing_else(tally: Tally) -> None:
    """A file with any keys, as long and as many as fit: one line that a terminal does not obey."""
    world = World(hosts(1))
    for text in HOSTILE:
        world.machines["w1"].put(DAEMON_JSON, json.dumps({"dns": [], text: 1, f"{text}x" * 100: 2}))
        (problem,) = told(world)
        assert problem.message.isprintable(), problem.message
        assert len(problem.message) < 700
    world.machines["w1"].put(DAEMON_JSON, json.dumps({f"key{number}": 1 for number in range(1000)}))
    (problem,) = told(world)
    assert '"key0", "key1", "key10", "key100", "key101", "key102" and 994 more' in problem.message
    tally("hostile inputs tried", len(HOSTILE) + 1)


def test_containerd_s_own_file_is_kept_and_its_logins_are_told() -> None:
    world = World(cluster(*hosts(1).hosts, runtime={"type": "containerd"}))
    theirs = '[plugins."io.containerd.grpc.v1.cri".registry.configs."r".auth]\npassword = "x"\n'
    world.machines["w1"].put(CONTAINERD, theirs, "600")
    (problem,) = told(world)
    assert (problem.where, '"registry.configs"' in problem.message) == ("w1", True)
    assert world.apply().errors == {}
    file = world.machines["w1"].files[CONTAINERD + KEPT]
    assert (file.text, file.mode) == (theirs, "600")
    assert told(world) == []
    assert world.apply().report.changed == 0
