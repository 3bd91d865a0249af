"""For any inventory and any change of the machines: apply does what the plan says, and nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from provisioner.core.plan import Plan, Step
from provisioner.inventory.model import Cluster
from provisioner.inventory.values import Taint
from tests.builders import cluster, host
from tests.fake.snapshot import Snapshot, snapshot
from tests.fake.world import World
from tests.scenarios.drift import DRIFTS
from tests.scenarios.sweep import places, recorded

TAINTS = (Taint.parse("dedicated=db:NoSchedule"), Taint.parse("gpu:NoExecute"))

labels = st.dictionaries(st.sampled_from(["disk", "zone", "example.org/tier"]), st.sampled_from(["a", "b"]))
taints = st.none() | st.lists(st.sampled_from(TAINTS), unique=True).map(tuple)
runtimes = st.fixed_dictionaries(
    {},
    optional={
        "log_max_size": st.sampled_from(["10m", "50m"]),
        "registry_mirrors": st.just(["https://mirror.example.org"]),
    },
)


@st.composite
def inventories(draw: st.DrawFn) -> Cluster:
    """One control plane, up to three workers, and what they may be asked for."""
    names = ["cp1", *(f"w{number}" for number in range(1, draw(st.integers(0, 3)) + 1))]
    hosts = [_host(draw, name, number) for number, name in enumerate(names)]
    return cluster(
        *hosts, runtime=draw(runtimes), network={"type": "bridge", "mtu": draw(st.sampled_from([1400, 1500]))}
    )


def _host(draw: st.DrawFn, name: str, number: int) -> Any:
    arguments = draw(st.dictionaries(st.just("max-pods"), st.sampled_from(["50", "60"])))
    wants = {"node_labels": draw(labels), "node_taints": draw(taints), "kubelet_extra_args": arguments}
    return host(name, f"10.0.0.{11 + number}", **wants)


drifts_on = st.lists(st.tuples(st.sampled_from(sorted(DRIFTS)), st.integers(0, 3)), max_size=4)


@pytest.mark.parametrize(
    "examples", [pytest.param(6, id="some"), pytest.param(100, id="many", marks=pytest.mark.sweep)]
)
def test_apply_does_what_the_plan_says_and_then_the_plan_is_empty(examples: int) -> None:
    settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow])(_whatever_was_asked_for)()


@given(inventories(), inventories(), drifts_on)
def _whatever_was_asked_for(first: Cluster, second: Cluster, drifts: Sequence[tuple[str, int]]) -> None:
    world = World(first)
    keeps_its_word(world)
    world.grow(second)
    for name, number in drifts:
        note(f"{name} on machine {number}")
        DRIFTS[name](world, [*world.machines.values()][number % len(world.machines)])
    keeps_its_word(world)


def keeps_its_word(world: World) -> None:
    """Plan, apply, plan again. What a cluster that is silent keeps to itself may turn out to be well already."""
    made = world.plan()
    planned = places(made.plan.steps)
    view = made.view
    is_silent = view.observed.live is None and view.observed.states[view.leader.name].initialised
    follows = undecided(made.plan)
    unknown = follows if is_silent else set()
    assert world.done() == {}
    before = snapshot(world.scene)
    with recorded() as done:
        outcome = world.apply()
    assert {name: error.message for name, error in outcome.errors.items()} == {}
    assert planned - unknown <= places(done) <= planned
    shown, seen = diffs(made.plan.steps), diffs(done)
    known = shown.keys() & seen.keys() - follows
    assert {place: seen[place] for place in known} == {place: shown[place] for place in known}
    assert touched(before, snapshot(world.scene)) <= {step.subject for step in made.plan.steps}
    assert [step.change.summary for step in world.plan().plan.steps] == []


def diffs(steps: Sequence[Step]) -> dict[tuple[str, str], str]:
    """The steps that need approval, by place; what a run does for itself needs none."""
    return {(step.subject, step.key): step.change.diff for step in steps if not step.change.own}


def touched(before: Snapshot, after: Snapshot) -> set[str]:
    """The machines that are not as they were."""
    keys = before.keys() | after.keys()
    return {key[0] for key in keys if before.get(key) != after.get(key)} - {"cluster"}


def undecided(plan: Plan) -> set[tuple[str, str]]:
    """What is not known yet, and what comes after it on its host in the same play."""
    found: set[tuple[str, str]] = set()
    for play in plan.plays:
        for name in {step.subject for step in play.steps}:
            own = [step for step in play.steps if step.subject == name]
            found |= places([*dropwhile(lambda step: not step.change.waits_for, own)])
    return found
