"""Plans that were saved: what is done later is what was agreed on, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.plan import Plan, done_already
from provisioner.engine import plan_file
from provisioner.engine.selection import Selection
from provisioner.errors import PreflightError, UnreachableError
from provisioner.procedures.bring_up import BRING_UP
from tests.builders import cluster, host
from tests.fake.world import World

SYSCTL = "/etc/sysctl.d/99-provisioner.conf"
DAEMON = "/etc/docker/daemon.json"


def saved(world: World, tmp_path: Path) -> Plan:
    """The plan of now, written to a file and read again."""
    outcome = world.plan()
    path = tmp_path / "a.plan"
    plan_file.save(path, plan_file.of(outcome.plan, outcome.view, BRING_UP, Selection()))
    return plan_file.load(path).plan


def refused(world: World, agreed: Plan) -> list[tuple[str, str]]:
    """What differs, by machine; nothing was done."""
    with pytest.raises(PreflightError) as error:
        world.apply(agreed)
    assert "provisioner plan -o" in error.value.hint
    assert world.done() == {}
    return [(problem.where, problem.message) for problem in error.value.problems]


def test_a_cluster_comes_up_from_a_saved_plan(world: World, tmp_path: Path) -> None:
    """Joins, routes and labels are not known when it is saved, and are done when they are."""
    agreed = saved(world, tmp_path)
    assert [step for step in agreed.steps if step.change.waits_for]
    outcome = world.apply(agreed)
    assert (outcome.report.result, outcome.errors) == ("ok", {})
    assert list(world.cluster.nodes) == ["cp1", "w1", "w2"]
    assert world.plan().plan.steps == ()


def test_a_further_worker_joins_from_a_saved_plan(up: World, tmp_path: Path) -> None:
    up.grow(cluster(*up.desired.hosts, host("w3", "10.0.0.23", node_labels={"disk": "ssd"})))
    outcome = up.apply(saved(up, tmp_path))
    assert outcome.report.result == "ok"
    assert up.cluster.nodes["w3"].labels == {"disk": "ssd"}
    assert up.cluster.tokens == {}


def test_exactly_the_steps_of_the_plan_are_done(up: World, tmp_path: Path) -> None:
    up.machines["w1"].drop(SYSCTL)
    agreed = saved(up, tmp_path)
    assert [(step.subject, step.change.summary) for step in agreed.steps] == [("w1", f"create {SYSCTL} (0644)")]
    assert up.apply(agreed).report.changed == 1
    assert up.done() == {"w1": [f"write {SYSCTL} 644"]}


def test_a_machine_that_was_changed_meanwhile_is_named(up: World, tmp_path: Path) -> None:
    up.machines["w1"].drop(SYSCTL)
    agreed = saved(up, tmp_path)
    up.machines["w2"].put(DAEMON, "{}\n")
    assert refused(up, agreed) == [
        ("w2", f"change {DAEMON}: is not in the plan"),
        ("w2", f"restart docker.service ({DAEMON} is newer): is not in the plan"),
    ]
    assert SYSCTL not in up.machines["w1"].files


def test_machines_with_the_same_difference_are_named_together(up: World, tmp_path: Path) -> None:
    agreed = saved(up, tmp_path)
    for name in ("w1", "w2"):
        up.machines[name].drop(SYSCTL)
    assert refused(up, agreed) == [("w1, w2", f"create {SYSCTL} (0644): is not in the plan")]


def test_another_difference_than_the_agreed_one_is_shown(up: World, tmp_path: Path) -> None:
    machine = up.machines["w1"]
    machine.put(DAEMON, machine.read(DAEMON).replace("100m", "50m"))
    agreed = saved(up, tmp_path)
    machine.put(DAEMON, machine.read(DAEMON).replace("50m", "70m"))
    ((where, what),) = refused(up, agreed)
    assert where == "w1"
    assert '- -    "max-size": "50m"; + -    "max-size": "70m"' in what


def test_a_plan_that_was_done_is_done(up: World, tmp_path: Path) -> None:
    up.machines["w1"].drop(SYSCTL)
    agreed = saved(up, tmp_path)
    up.apply(agreed)
    outcome = up.apply(agreed)
    assert (outcome.report.result, outcome.report.changed) == ("ok", 0)
    assert done_already(agreed, outcome.plan) == agreed.steps
    assert up.done() == {}


def test_an_empty_plan_allows_nothing(up: World, tmp_path: Path) -> None:
    agreed = saved(up, tmp_path)
    assert up.apply(agreed).report.result == "ok"
    up.machines["w1"].drop(SYSCTL)
    assert refused(up, agreed) == [("w1", f"create {SYSCTL} (0644): is not in the plan")]


def test_what_was_done_already_is_not_done_again_and_the_rest_is(up: World, tmp_path: Path) -> None:
    for name in ("w1", "w2"):
        up.machines[name].drop(SYSCTL)
    agreed = saved(up, tmp_path)
    up.apply(limit=frozenset({"w1"}))
    outcome = up.apply(agreed)
    assert outcome.report.result == "ok"
    assert [step.subject for step in done_already(agreed, outcome.plan)] == ["w1"]
    assert list(up.done()) == ["w2"]


def test_a_saved_plan_goes_on_after_a_lost_connection(up: World, tmp_path: Path) -> None:
    """What the run that was cut off has left there, its way to the bundle, needs no new plan."""
    for name in ("w1", "w2"):
        up.machines[name].drop(SYSCTL)
    agreed = saved(up, tmp_path)
    for command in (f"{SYSCTL} 644", 'rm -rf -- "$1" "$2"'):
        up.machines["w1"].trouble[command] = UnreachableError("w1: the connection was lost")
    errors = up.apply(agreed).errors
    assert list(errors) == ["w1", "w2"]
    assert errors["w2"].message == "w2: not begun, because w1 failed"
    up.machines["w1"].trouble.clear()
    assert up.apply(agreed).report.result == "ok"
    assert up.plan().plan.steps == ()


def test_tokens_and_waits_are_nothing_to_agree_to(world: World, tmp_path: Path) -> None:
    """The plan of fresh machines makes no token and waits for all nodes. What differs is the leader's restart alone."""
    agreed = saved(world, tmp_path)
    for name in ("w1", "w2"):
        world.machines[name].trouble["apt-get"] = UnreachableError(f"{name}: the connection was lost")
    world.apply(agreed)
    for name in ("w1", "w2"):
        world.machines[name].trouble.clear()
    again = world.plan().plan
    assert "make a join token for w1, w2" in [step.change.summary for step in again.steps]
    assert ["provisioner-pod-network" in what for _, what in refused(world, agreed)] == [True]


def test_what_a_killed_try_left_half_done_needs_a_new_plan(world: World, tmp_path: Path) -> None:
    agreed = saved(world, tmp_path)
    world.machines["cp1"].trouble["--skip-token-print"] = UnreachableError("cp1: the connection was lost")
    world.apply(agreed)
    world.machines["cp1"].trouble.clear()
    assert [where for where, what in refused(world, agreed) if "after a reset" in what] == ["cp1"]
    assert world.apply(saved(world, tmp_path)).report.result == "ok"


def test_all_machines_of_a_plan_have_to_answer(up: World, tmp_path: Path) -> None:
    for name in ("w1", "w2"):
        up.machines[name].drop(SYSCTL)
    agreed = saved(up, tmp_path)
    up.machines["w2"].up = False
    with pytest.raises(UnreachableError, match="w2: nothing answers"):
        up.apply(agreed)
    assert up.done() == {}


def test_what_turns_out_to_be_needed_on_the_way_is_not_done(up: World, tmp_path: Path) -> None:
    """Something else changes the machine while the plan is being done."""
    up.machines["w1"].drop("/etc/modules-load.d/provisioner.conf")
    agreed = saved(up, tmp_path)

    def meddle(name: str) -> None:
        if name == "w1" and any("modules-load" in text for text in up.done().get("w1", [])):
            up.machines["w1"].drop(SYSCTL)

    up.on_moment = meddle
    outcome = up.apply(agreed)
    assert outcome.report.result == "failed"
    assert "is not in the plan that was agreed on" in outcome.errors["w1"].message
    assert SYSCTL not in up.machines["w1"].files
