"""What keeps runs apart on a machine, and what they have there while they work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.core.command import Command, settle
from provisioner.sources.bundle_access import APT_MIRRORS, PLACE, Leftovers, closed, opened
from provisioner.world import lock
from provisioner.world.facts import look, read_lock
from provisioner.world.lock import Holder, Word
from tests.contract.subject import Subject

ANNA = Holder("run-a", "anna", "laptop", "apply", 1_800_000_000)
BERT = replace(ANNA, run="run-b", owner="bert")


def answer(subject: Subject, command: Command) -> Holder | Word:
    """What is told of the lock."""
    (seen,) = subject.run(command)
    assert seen.ok, seen
    return lock.read(seen.stdout, *Word)


def holder(subject: Subject, command: Command) -> Holder:
    """Who has the lock, as that command tells."""
    told = answer(subject, command)
    assert isinstance(told, Holder)
    return told


def test_a_lock_is_held_by_one_run_until_it_gives_it_back(subject: Subject) -> None:
    assert answer(subject, lock.show()) is Word.FREE
    assert answer(subject, lock.take(ANNA)) is Word.TAKEN
    assert answer(subject, lock.take(ANNA)) is Word.TAKEN
    told = holder(subject, lock.take(BERT))
    assert replace(told, age_s=0, seal="") == ANNA
    assert replace(holder(subject, lock.show()), age_s=0) == replace(told, age_s=0)
    assert replace(holder(subject, lock.renew(BERT.run)), age_s=0) == replace(told, age_s=0)
    assert answer(subject, lock.renew(ANNA.run)) is Word.RENEWED
    assert holder(subject, lock.release(BERT.run)).run == ANNA.run
    assert answer(subject, lock.release(ANNA.run)) is Word.RELEASED
    assert answer(subject, lock.release(ANNA.run)) is Word.FREE
    assert answer(subject, lock.take(BERT)) is Word.TAKEN
    assert answer(subject, lock.release(BERT.run)) is Word.RELEASED
    assert "lock" not in subject.hands.names("/var/lib/provisioner")


def test_a_look_tells_who_works_on_the_cluster(subject: Subject) -> None:
    assert answer(subject, lock.take(ANNA)) is Word.TAKEN
    told = read_lock(subject.run(look(leader=True))[0])
    assert answer(subject, lock.release(ANNA.run)) is Word.RELEASED
    assert told
    assert (told.owner, told.stale) == ("anna", False)
    assert read_lock(subject.run(look(leader=True))[0]) is None


def test_the_lock_of_a_run_that_is_dead_is_taken_over(subject: Subject) -> None:
    assert answer(subject, lock.take(ANNA)) is Word.TAKEN
    assert holder(subject, lock.take(BERT, dead="run-x")).run == ANNA.run
    assert answer(subject, lock.take(BERT, dead=ANNA.run)) is Word.TAKEN
    subject.hands.age(lock.PATH, lock.STALE_S + 5)
    assert answer(subject, lock.take(ANNA)) is Word.TAKEN
    assert answer(subject, lock.release(ANNA.run)) is Word.RELEASED
    assert answer(subject, lock.renew(ANNA.run)) is Word.FREE


def test_a_lock_from_the_future_gets_the_current_time_from_the_next_run(subject: Subject) -> None:
    assert answer(subject, lock.take(ANNA)) is Word.TAKEN
    subject.hands.age(lock.PATH, -3600)
    assert holder(subject, lock.show()).age_s < -3000
    assert holder(subject, lock.take(BERT)).age_s < -3000
    assert 0 <= holder(subject, lock.take(BERT)).age_s < lock.STALE_S
    assert answer(subject, lock.release(ANNA.run)) is Word.RELEASED


@pytest.mark.parametrize("text", ["", "run=\n", "run=run-a\nrun=run-b\n", "nothing of ours\n"])
def test_a_lock_that_cannot_be_read_is_a_lock_that_can_be_removed(subject: Subject, text: str) -> None:
    subject.hands.put(lock.PATH, text)
    told = holder(subject, lock.show())
    assert (told.run, bool(told.damage)) == ("", True)
    assert holder(subject, lock.take(BERT)).seal == told.seal
    assert holder(subject, lock.remove("another")).seal == told.seal
    assert answer(subject, lock.remove(told.seal)) is Word.REMOVED
    assert answer(subject, lock.remove(told.seal)) is Word.FREE


def test_what_another_run_has_left_goes_and_a_run_s_own_stays(subject: Subject) -> None:
    address = subject.hands.read(PLACE).strip()
    assert subject.change(Leftovers(subject.view.materials.run)) is None
    change = subject.change(Leftovers("another"))
    assert change
    assert change.diff.count("\n") == 2
    subject.must(*change.commands)
    assert subject.change(Leftovers("another")) is None
    assert subject.hands.names("/run/provisioner") == set()
    subject.must(opened(subject.view.materials.run, address))
    assert subject.hands.read(APT_MIRRORS) == f"{address}/apt/\n"
    subject.must(closed())
    assert subject.change(Leftovers("another")) is None
    subject.must(opened(subject.view.materials.run, address))


def test_what_an_earlier_run_has_left_running_is_waited_for(subject: Subject) -> None:
    (seen,) = subject.run(settle())
    assert (seen.exit_code, seen.stdout) == (0, "")
    subject.hands.leave_running(3)
    (seen,) = subject.run(settle())
    assert seen.ok
    assert seen.stdout.startswith("an earlier run's command is still at work: sleep 3")
    (seen,) = subject.run(settle())
    assert seen.stdout == ""
