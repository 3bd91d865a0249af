"""A run may be killed at any moment: the same command goes on, and ends as if nothing had happened.

Here a hundredth of all moments is tried, evenly spread, and some by chance; `pytest -m sweep` tries all of them (with
five workers, every third).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from provisioner.errors import UnreachableError
from provisioner.runtimes.docker import DAEMON_JSON
from provisioner.world import lock
from tests.conftest import Tally
from tests.fake.cluster import FakeToken
from tests.fake.power import reboot
from tests.fake.turns import TakingTurns
from tests.fake.world import World
from tests.scenarios.sweep import ALL, SAMPLE, SCENARIOS, Whole, dice, left_behind, must_recover, shares, up, whole

NEW, LONG = "one control plane and two workers", "one control plane and five workers"
# How many are tried that chance has chosen; it is also the seed.
SOME = 10
NUMBERS = [pytest.param(SOME, id="some"), pytest.param(100, id="many", marks=pytest.mark.sweep)]


@pytest.mark.parametrize("share", shares(100))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_any_moment(scenario: str, share: int, tally: Tally) -> None:
    run = whole(SCENARIOS[scenario]())
    # Of short runs a larger part, and of the longest, which repeats itself worker by worker, a smaller one.
    step = min(share, len(run.points) // 5 + 1) * (3 if scenario == LONG else 1)
    points = [*run.points.items()][::step]
    for frozen, point in points:
        must_recover(World.thawed(run.desired, frozen), run.end, point)
    tally(SAMPLE if share > 1 else ALL, len(points))


@pytest.mark.parametrize("number", NUMBERS)
def test_what_a_killed_run_has_begun_goes_on_meanwhile(number: int, tally: Tally) -> None:
    """The next run looks, and what it saw is not what is there when the machine has settled."""
    run = whole(SCENARIOS[NEW]())
    changing = [(frozen, point) for frozen, point in run.points.items() if run.after(point) != frozen]
    for frozen, point in dice(number).sample(changing, number):
        world = World.thawed(run.desired, frozen)
        world.running = (point.machine, run.after(point))
        must_recover(world, run.end, point)
        assert world.running is None, point
    tally(SAMPLE if number == SOME else ALL, number)


@pytest.mark.parametrize("number", NUMBERS)
def test_killed_while_machines_are_worked_on_at_once(number: int, tally: Tally) -> None:
    """Each has got to a place of its own when the run is killed."""
    end = whole(SCENARIOS[NEW]()).end
    for seed in range(number // 10):
        run = at_once(SCENARIOS[NEW](), seed)
        for frozen, point in dice(seed).sample([*run.points.items()], 10):
            must_recover(World.thawed(run.desired, frozen), end, f"{point}, seed {seed}")
    tally(SAMPLE if number == SOME else ALL, number)


def at_once(world: World, seed: int) -> Whole:
    """An apply whose machines take turns at every moment."""
    turns = TakingTurns(dice(seed))
    world.executor = turns
    world.on_moment = lambda machine: turns.turn()
    return whole(world)


@pytest.mark.parametrize("number", NUMBERS)
def test_killed_again_and_again(number: int, tally: Tally) -> None:
    end = whole(SCENARIOS[NEW]()).end
    chance = dice(number)
    for _ in range(number // 5):
        world, places = SCENARIOS[NEW](), []
        for _ in range(5):
            frozen, point = chance.choice([*whole(world).points.items()])
            world = World.thawed(world.desired, frozen)
            places.append(str(point))
        must_recover(world, end, ", then ".join(places))
    tally(SAMPLE if number == SOME else ALL, number)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_machine_loses_its_power(number: int, tally: Tally) -> None:
    """The one that is worked on: what was only in its memory is gone."""
    run = whole(SCENARIOS[NEW]())
    for frozen, point in dice(number).sample([*run.points.items()], number):
        world = World.thawed(run.desired, frozen)
        reboot(world.machines[point.machine])
        must_recover(world, run.end, point)
    tally(SAMPLE if number == SOME else ALL, number)


@pytest.mark.parametrize("number", NUMBERS)
def test_interrupted_by_ctrl_c(number: int, tally: Tally) -> None:
    def interrupt(world: World, machine: str) -> None:
        raise KeyboardInterrupt

    recover_from(interrupt, number)
    tally(SAMPLE if number == SOME else ALL, number)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_connection_to_a_machine_is_lost(number: int, tally: Tally) -> None:
    """It does not come back during that run; the other machines finish what is safe."""

    def lose(world: World, machine: str) -> None:
        world.machines[machine].up = False
        raise UnreachableError(f"{machine}: the connection was lost")

    recover_from(lose, number)
    tally(SAMPLE if number == SOME else ALL, number)


def recover_from(trouble: Callable[[World, str], None], number: int) -> None:
    """Let it come at so many moments of a bring-up, in the run itself, so that it can tidy up."""
    end = whole(SCENARIOS[NEW]()).end
    moments: list[str] = []
    counted = SCENARIOS[NEW]()
    counted.on_moment = moments.append
    counted.apply()
    for moment in dice(number).sample(range(len(moments)), number):
        world = SCENARIOS[NEW]()
        world.on_moment = _at(moment, partial(trouble, world))
        place, told = f"moment {moment}, {moments[moment]}", None
        with suppress(KeyboardInterrupt, UnreachableError):
            told = world.apply().report
        again = World(world.desired, world.scene)
        for machine in again.machines.values():
            machine.up = True
        if told:
            assert not_converged(again) <= {host for host, one in told.hosts.items() if one.failed or one.left}, place
            assert told.result != "ok" or not not_converged(again), place
        must_recover(again, end, place)


def not_converged(world: World) -> set[str]:
    """The machines that are not as the inventory says, but for what they do because of others."""
    because_of_others = ("join token", "join token removed", "pod network", "nodes")
    plays = (play for play in world.plan().plan.plays if play.title not in because_of_others)
    return {step.subject for play in plays for step in play.steps if step.key != "leftovers"}


def _at(moment: int, do: Callable[[str], None]) -> Callable[[str], None]:
    count = iter(range(moment, -1, -1))
    return lambda machine: do(machine) if next(count, None) == 0 else None


def test_what_a_run_may_not_leave_is_seen() -> None:
    """The judge of all the others: half a file, a lock, a token, an old process, an old bridge."""
    world = up()
    assert left_behind(world) == []
    world.cluster.tokens["lefttt"] = FakeToken("0123456789abcdef", "provisioner run: join", 0)
    worker = world.machines["w1"]
    worker.put("/etc/docker/.daemon.json.provisioner")
    worker.put(DAEMON_JSON, "{}")
    worker.links["cni0"] = "10.244.9.1/24"
    world.machines["cp1"].put(lock.PATH)
    assert left_behind(world) == [
        "token lefttt",
        f"cp1: {lock.PATH}",
        "w1: /etc/docker/.daemon.json.provisioner",
        "w1: cni0 of 10.244.9.0/24",
        f"w1: docker.service runs with an older {DAEMON_JSON}",
    ]
