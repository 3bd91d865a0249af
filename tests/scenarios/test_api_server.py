"""An audit policy and encrypted Secrets, over the life of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.core.report import Outcome as Ended
from provisioner.core.report import StepEnded
from provisioner.errors import PreflightError
from provisioner.plays.api_server import AUDIT_POLICY, ENCRYPTION
from provisioner.plays.kubeadm_configuration import PATCHES
from tests.builders import cluster, host
from tests.fake.kubeadm import PKI
from tests.fake.world import World
from tests.scenarios.sweep import must_recover, shares, whole

HOSTS = (host("cp1", "10.0.0.11"), host("w1", "10.0.0.21"))
SETTINGS: dict[str, Any] = {"audit_policy": Path("/policy.yaml"), "encryption": "secretbox"}


@pytest.fixture
def world() -> World:
    return World(cluster(*HOSTS, **SETTINGS))


@pytest.fixture
def up(world: World) -> World:
    assert world.apply().report.result == "ok"
    world.heard.clear()
    return world


def changed(world: World) -> list[tuple[str, str]]:
    ended = (event for event in world.heard if isinstance(event, StepEnded))
    return [(event.host, event.title) for event in ended if event.outcome is Ended.CHANGED]


def test_both_files_are_there_before_the_cluster_is_made(up: World) -> None:
    files = up.machines["cp1"].files
    assert (files[AUDIT_POLICY].text, files[AUDIT_POLICY].mode) == (up.policy, "600")
    assert files[ENCRYPTION].mode == "600"
    made = max(files[path].written_s for path in (AUDIT_POLICY, ENCRYPTION))
    assert made < files[f"{PKI}/ca.crt"].written_s
    assert not {AUDIT_POLICY, ENCRYPTION} & set(up.machines["w1"].files)


def test_a_second_run_finds_nothing_to_do(up: World) -> None:
    assert up.apply().report.changed == 0


def test_another_policy_is_read_by_a_new_api_server(up: World) -> None:
    up.policy += "omitStages: [RequestReceived]\n"
    assert up.apply().errors == {}
    assert changed(up) == [("cp1", f"change {AUDIT_POLICY}"), ("cp1", "restart kube-apiserver")]
    assert up.apply().report.changed == 0


@pytest.mark.parametrize("share", shares(4))
def test_a_run_killed_between_the_policy_and_the_restart_is_made_good(up: World, share: int) -> None:
    up.policy += "omitStages: [RequestReceived]\n"
    run = whole(up)
    for frozen, place in [*run.points.items()][::share]:
        again = World.thawed(run.desired, frozen)
        again.policy = up.policy
        must_recover(again, run.end, place)


@pytest.mark.parametrize("share", shares(4))
def test_a_killed_bring_up_makes_one_key_and_keeps_it(world: World, share: int) -> None:
    run = whole(world)
    points = [point for point in run.points.items() if "key" in str(point[1]) or "run " in str(point[1])]
    assert points
    for frozen, place in points[::share]:
        again = World.thawed(run.desired, frozen)
        there = again.machines["cp1"].files.get(ENCRYPTION)
        must_recover(again, run.end, place)
        assert there is None or again.machines["cp1"].files[ENCRYPTION] == there


def test_a_key_that_is_gone_is_never_made_again(up: World) -> None:
    up.machines["cp1"].drop(ENCRYPTION)
    with pytest.raises(PreflightError) as error:
        up.apply()
    assert [problem.rule for problem in error.value.problems] == ["key-gone"]
    assert ENCRYPTION not in up.machines["cp1"].files


def test_wanting_for_encryption_later_does_not_touch_the_cluster(world: World) -> None:
    """It would be a change of the API server's arguments, which a run never makes in a living cluster."""
    plain = World(cluster(*HOSTS))
    plain.apply()
    plain.grow(world.desired.model_copy(update={"settings": cluster(encryption="secretbox").settings}))
    assert plain.apply().report.changed == 0
    assert ENCRYPTION not in plain.machines["cp1"].files


def test_patches_are_there_when_a_node_is_made_and_never_looked_at_again() -> None:
    desired = cluster(*HOSTS, patches=Path("/patches"))
    files = {Path("/patches/etcd.yaml"): "{}", Path("/patches/kube-scheduler.yaml"): "{}"}
    world = World(desired)
    world.machines["cp1"].put(f"{PATCHES}/kube-apiserver.yaml", "of an earlier try")
    assert world.apply(files=files).errors == {}
    there = {path for path in world.machines["cp1"].files if path.startswith(PATCHES)}
    assert there == {f"{PATCHES}/etcd.yaml", f"{PATCHES}/kube-scheduler.yaml"}
    assert not [path for path in world.machines["w1"].files if path.startswith(PATCHES)]
    assert world.apply(files={}).report.changed == 0


def test_the_policy_is_what_the_inventory_has(up: World) -> None:
    assert yaml.safe_load(up.machines["cp1"].files[AUDIT_POLICY].text)["kind"] == "Policy"
