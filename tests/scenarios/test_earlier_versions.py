"""Machines that an earlier version has set up: whatever words have changed since, nothing is to be done there, and what
it has left half-done is found and completed. The states are what the version of
November 2026 wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.inventory.values import Taint
from tests.builders import cluster, host
from tests.fake.kept import restore
from tests.fake.world import World
from tests.scenarios.repositories import world_of_binaries
from tests.scenarios.sweep import MANIFEST, hosts, left_behind

STATES = Path(__file__).parent / "earlier"


def bridge() -> World:
    """Docker and all settings that come to a machine as a file."""
    worker = {"node_labels": {"disk": "ssd"}, "node_taints": (Taint.parse("dedicated=db:NoSchedule"),)}
    return World(
        cluster(
            host("cp1", "10.0.0.11"),
            host("w1", "10.0.0.21", kubelet_extra_args={"max-pods": "50"}, **worker),
            api_server_extra_args={"profiling": "false"},
            audit_policy="/audit.yaml",
            encryption="secretbox",
        )
    )


def containerd() -> World:
    """containerd with everything that goes to its configuration."""
    proxy = {"http": "http://proxy.example:3128", "no_proxy": ["example.org"]}
    runtime: dict[str, Any] = {"type": "containerd", "registry_mirrors": ["https://mirror.example.org"]}
    return World(cluster(*hosts(1).hosts, runtime=runtime, proxy=proxy))


def manifest() -> World:
    """A network plug-in from a manifest."""
    return World(cluster(*hosts(1).hosts, network=MANIFEST))


INVENTORIES: dict[str, Callable[[], World]] = {
    "bridge": bridge,
    "containerd": containerd,
    "manifest": manifest,
    "binaries": world_of_binaries,
}
# What has changed on purpose since: the script of the pod routes is the same on all nodes; NO_PROXY names networks, and
# no hosts any more.
ROUTES = "provisioner-pod-network"
SINCE = {"bridge": (ROUTES,), "containerd": (ROUTES, "/etc/default/provisioner-proxy"), "binaries": (ROUTES,)}
KILLED = ("killed-while-initialising", "killed-while-joining")


def as_it_was(name: str, fresh: World) -> World:
    """The world of that inventory with the state of then; repositories are what they are."""
    world = restore(fresh.desired, (STATES / f"{name}.json").read_text())
    world.scene.repositories.update(fresh.scene.repositories)
    return world


@pytest.mark.parametrize("name", INVENTORIES)
def test_nothing_is_to_be_done(name: str) -> None:
    outcome = as_it_was(name, INVENTORIES[name]()).plan()
    assert outcome.errors == {}
    steps = [f"{step.subject}: {step.change.summary}" for step in outcome.plan.steps]
    assert [step for step in steps if not any(file in step for file in SINCE.get(name, ()))] == []


@pytest.mark.parametrize("name", KILLED)
def test_what_was_killed_is_completed(name: str) -> None:
    world = as_it_was(name, World(hosts(2)))
    assert world.plan().plan.steps
    assert (world.apply().report.result, left_behind(world)) == ("ok", [])
    assert world.plan().plan.steps == ()
