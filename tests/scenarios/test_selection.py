"""Doing a part of a plan: what was asked for, what that needs, and what is left out is never hidden."""

from __future__ import annotations

import pytest

from provisioner.errors import PreflightError
from provisioner.output.wording import words
from tests.builders import cluster
from tests.fake.world import World

SYSCTL = "/etc/sysctl.d/99-provisioner.conf"
DAEMON = "/etc/docker/daemon.json"


@pytest.fixture
def drifted(up: World) -> World:
    """Something is to be done in two plays that need each other, and on two machines."""
    up.machines["w1"].drop(SYSCTL)
    up.machines["w2"].put(DAEMON, "{}\n")
    return up


def test_only_one_play_is_done_and_the_rest_is_told(drifted: World) -> None:
    outcome = drifted.apply(only="machine")
    assert drifted.done() == {"w1": [f"write {SYSCTL} 644"]}
    assert (outcome.report.result, outcome.report.changed, outcome.report.left_out) == ("ok", 1, 2)
    assert outcome.report.skipped == ("container runtime: 2 step(s) on w2 to do, left out by --only or --skip",)
    assert words(outcome.report) == "1 step(s) done. 2 step(s) of plays that were not selected are still to be done."


def test_a_plan_says_the_same(drifted: World) -> None:
    outcome = drifted.plan(only="machine")
    assert [step.subject for step in outcome.plan.steps] == ["w1"]
    assert outcome.report.left_out == 2


def test_a_play_with_all_that_it_needs_done_may_be_left_out(drifted: World) -> None:
    assert drifted.apply(skip="container runtime").report.changed == 1
    assert list(drifted.done()) == ["w1"]


def test_a_play_whose_needs_are_left_out_is_refused(drifted: World) -> None:
    with pytest.raises(PreflightError) as error:
        drifted.apply(skip="machine")
    (problem,) = error.value.problems
    assert str(problem) == (
        "machine: 1 step(s) on w1 to do, and container runtime needs them\n"
        "    → Leave machine in, or leave out container-runtime too."
    )
    assert drifted.done() == {}


def test_needs_of_needs_count() -> None:
    with pytest.raises(PreflightError) as error:
        World(cluster()).plan(only="workers, join-token, join-token-removed")
    found = {problem.where: problem.message.partition(", and ")[2] for problem in error.value.problems}
    assert found.keys() == {"machine", "container runtime", "kubernetes packages", "control plane"}
    assert found["machine"] == "join token, workers need them"


def test_nothing_to_do_is_not_said_of_what_was_not_looked_at(drifted: World) -> None:
    outcome = drifted.apply(only="kubernetes packages")
    assert outcome.report.result == "ok"
    assert words(outcome.report).startswith("Nothing to do in the selected plays. 3 step(s)")
    assert drifted.done() == {}


def test_a_cluster_comes_up_play_by_play() -> None:
    world = World(cluster())
    plays = ["machine", "container runtime", "kubernetes packages", "control plane,join token removed"]
    for play in [*plays, "join token,workers,join token removed", "pod network", "nodes"]:
        assert world.apply(only=play).report.result == "ok", play
    assert world.plan().plan.steps == ()
    assert [name for name, node in world.cluster.nodes.items() if node.ready] == ["cp1", "w1", "w2"]


def test_a_service_does_not_follow_a_file_that_is_left_out(up: World) -> None:
    """The kubelet reads what `kubernetes packages` writes; what that play does not write makes nothing restart."""
    up.cluster.tokens.clear()
    up.grow(cluster(runtime={"log_max_size": "50m"}))
    outcome = up.plan(skip="container runtime")
    assert (outcome.plan.steps, outcome.report.left_out) == ((), 6)


def test_a_limit_that_leaves_out_the_leader_of_a_cluster_that_is_not_there_is_refused() -> None:
    """Found before anything is touched; the machines may be prepared all the same."""
    world = World(cluster())
    for run in (world.plan, world.apply):
        with pytest.raises(PreflightError) as error:
            run(limit=frozenset({"w1"}))
        (problem,) = error.value.problems
        assert (problem.rule, problem.where) == ("cluster-needed", "cp1")
        assert problem.message.endswith(" workers, join token removed, pod network, nodes need one")
        assert problem.hint == (
            "Add cp1 to --limit; or only prepare the hosts: "
            "--only machine --only container-runtime --only kubernetes-packages."
        )
        assert world.done() == {}
    prepared = world.apply(limit=frozenset({"w1"}), only="machine, container runtime, kubernetes packages")
    assert prepared.report.result == "ok"
    assert list(world.done()) == ["w1"]


def test_a_cluster_that_is_half_made_is_none_yet() -> None:
    world = World(cluster())
    world.machines["cp1"].trouble["--skip-token-print"] = 1
    assert list(world.apply().errors) == ["cp1"]
    world.machines["cp1"].trouble.clear()
    with pytest.raises(PreflightError, match="need steps that are left out"):
        world.apply(limit=frozenset({"w2"}))
    assert world.apply(limit=frozenset({"cp1", "w2"})).report.result == "ok"
    assert list(world.cluster.nodes) == ["cp1", "w2"]
