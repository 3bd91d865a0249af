"""Every resource, whatever its probe is answered: a change, none, or an error of the kind that reading raises."""

from __future__ import annotations

import itertools

import pytest

from provisioner.core.resource import Change, Resource
from provisioner.core.untrusted import visible
from provisioner.errors import ProvisionerError
from tests.builders import ok
from tests.conftest import Tally
from tests.fuzz.mutating import SEED, dice, mutated
from tests.fuzz.recording import resource_types, wants

pytestmark = pytest.mark.fuzz

# What says "that is no answer": a value that is none, a field that is not there, nesting without an end. The guard has
# made it that machine's error. Any other kind is a mistake of ours that an odd answer has shown.
NO_ANSWER = (ValueError, LookupError, RecursionError, ProvisionerError)
INPUTS = 4_000
MOST_SCRIPTS = 5
PARTS = sorted(resource_types(), key=lambda one: one.__name__)


def test_every_resource_has_answers_to_begin_with() -> None:
    """A new one needs a case in tests/cases/test_resources.py, or to take part in a simulated run."""
    missing = {one.__name__ for one in PARTS} - {one.__name__ for one in wants()} - {"Resource"}
    assert missing == set()


@pytest.mark.parametrize("kind", [one for one in PARTS if one is not Resource], ids=lambda kind: kind.__name__)
def test_no_answer_is_more_than_an_answer(kind: type, tally: Tally) -> None:
    chance = dice(kind.__name__)
    known = wants()[kind]
    scripts: set[str] = set()
    for want, seen in itertools.islice(itertools.cycle(known), INPUTS):
        # As a machine's words come in.
        said = visible(mutated(seen, chance))
        changed = {key for key in (want.key, "kernel-settings") if chance.random() < 0.2}
        try:
            change = want.diff(ok(said), changed)
        except NO_ANSWER:
            continue
        except Exception as error:
            raise AssertionError(f"{want} makes {error!r} of {said!r}, PROVISIONER_TEST_SEED={SEED}") from error
        assert change is None or is_safe(change), (want, said, change)
        commands = change.commands if change else ()
        scripts |= {command.argv[2] for command in commands if command.argv[0] == "/bin/sh"}
    # What a machine says becomes an argument, and never a part of a script: those are always the same few.
    assert len(scripts) <= MOST_SCRIPTS
    tally("hostile inputs tried", INPUTS)


def is_safe(change: Change) -> bool:
    """No argument and no text that is shown steers a terminal."""
    words = [word for command in change.commands for word in command.argv]
    return all(visible(text) == text for text in (*words, change.summary, change.diff, change.waits_for))
