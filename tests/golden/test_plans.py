"""Whole plans as text: what a user is told before anything happens."""

from __future__ import annotations

from provisioner.core.plan import Plan
from tests.builders import cluster, host
from tests.cases.shown import shown
from tests.conftest import Golden
from tests.fake.world import World


def text(plan: Plan) -> str:
    """Steps by play; commands are in the cases of each resource."""
    lines = []
    for play in plan.plays:
        lines += [f"### {play.title}"] if play.steps else []
        for step in play.steps:
            told = [line for line in shown(step.change).splitlines() if not line.startswith(("$", "  <"))]
            first, *rest = told
            lines += [f"{step.subject}: {first.removeprefix('summary: ')}", *(f"    {line}" for line in rest)]
    return "\n".join(lines) + "\n"


def test_every_step_shows_what_it_changes_or_says_what_it_waits_for() -> None:
    steps = World(cluster()).plan().plan.steps
    assert len(steps) > 30
    assert [step for step in steps if not step.change.diff and not step.change.waits_for] == []


def test_three_fresh_machines(golden: Golden) -> None:
    golden("plans/fresh.txt", text(World(cluster()).plan().plan))


def up() -> World:
    world = World(cluster())
    assert world.apply().report.result == "ok"
    return world


def test_one_worker_added(golden: Golden) -> None:
    world = up()
    world.grow(cluster(*world.desired.hosts, host("w3", "10.0.0.23", node_labels={"disk": "ssd"})))
    golden("plans/worker-added.txt", text(world.plan().plan))


def test_one_value_changed(golden: Golden) -> None:
    world = up()
    world.grow(cluster(*world.desired.hosts, runtime={"log_max_size": "50m"}))
    golden("plans/value-changed.txt", text(world.plan().plan))


def test_arguments_of_one_kubelet_changed(golden: Golden) -> None:
    world = up()
    changed = host("w1", "10.0.0.21", kubelet_extra_args={"max-pods": "200"})
    world.grow(cluster(host("cp1", "10.0.0.11"), changed, host("w2", "10.0.0.22")))
    golden("plans/kubelet-arguments.txt", text(world.plan().plan))


def test_a_plan_of_a_cluster_that_is_up_is_empty() -> None:
    assert text(up().plan().plan) == "\n"
