"""Whole runs in which one worker answers with garbage: it is named, the others become nodes, nobody sees a trace."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from provisioner.core.command import Command, Result
from provisioner.engine.loop import Outcome
from provisioner.errors import PreflightError
from tests.builders import cluster
from tests.conftest import Tally
from tests.fake import programs
from tests.fake.transport import Twist
from tests.fake.world import World
from tests.fuzz.mutating import SEED, WORDS, dice, mutated
from tests.fuzz.recording import questions

pytestmark = pytest.mark.fuzz

# For each kind of question so many variants, from the first time it is asked or from a later one.
VARIANTS = 5
GARBAGE = ("", "\x00" * 100, "\x1b[2J\n", "[" * 3000, "9" * 5000, "=== \n" * 500, "\ud800", *WORDS)


def lying(question: str, since: int, chance: Random) -> Twist:
    """w1 answers that question with garbage, from the time on that it is asked so often."""
    asked = 0

    def twist(machine: str, command: Command, result: Result) -> Result:
        nonlocal asked
        if machine != "w1" or programs.name_of(command) != question:
            return result
        asked += 1
        if asked <= since:
            return result
        said = chance.choice(GARBAGE) if chance.random() < 0.4 else mutated(result.stdout, chance)
        code = chance.choice((result.exit_code,) * 6 + (1, 124, 255))
        return replace(result, stdout=said, exit_code=code, left_out=chance.choice((0,) * 9 + (1,)))

    return twist


def run(world: World) -> Outcome | PreflightError:
    try:
        return world.apply()
    except PreflightError as error:
        return error


@pytest.mark.parametrize("question", questions())
def test_one_that_lies_is_named_and_the_others_go_on(question: str, tally: Tally) -> None:
    for variant in range(VARIANTS):
        world = World(cluster())
        world.twist = lying(question, variant % 3, dice(question, variant))
        place = f"{question}, variant {variant}, PROVISIONER_TEST_SEED={SEED}"
        outcome = run(world)
        if isinstance(outcome, PreflightError):
            # A finding ends a run before anything is changed. It says who it is about, too.
            assert all("w1" in str(problem) for problem in outcome.problems), (place, outcome.problems)
            assert not any(world.done().values()), place
        else:
            assert set(outcome.errors) <= {"w1"}, place
            assert outcome.errors.keys() == {name for name, told in outcome.report.hosts.items() if told.failed}, place
            assert {"cp1", "w2"} <= set(world.cluster.nodes), place
            assert all(outcome.report.hosts[name].left == 0 for name in ("cp1", "w2")), place
        assert World(world.desired, world.scene).apply().errors == {}, f"{place}: it is honest again"
    tally("hostile inputs tried", VARIANTS)
