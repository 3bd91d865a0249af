"""What keeps runs apart on a machine, and what they have there while they work."""

from __future__ import annotations

from dataclasses import replace

from provisioner.core import lock
from provisioner.core.command import Command, settle
from provisioner.core.facts import look, read_lock
from provisioner.core.lock import Holder
from provisioner.sources.bundle_access import APT_MIRRORS, PLACE, Leftovers, closed, opened
from tests.contract.subject import Subject

ANNA = Holder("run-a", "anna", "laptop", "apply", 1_800_000_000)
BERT = replace(ANNA, run="run-b", owner="bert")


def answer(subject: Subject, command: Command) -> Holder | None:
    """Who has the lock, as that command tells; None when it was done."""
    (seen,) = subject.run(command)
    assert seen.ok, seen
    return lock.read(seen.stdout)


def test_a_lock_is_held_by_one_run_until_it_gives_it_back(subject: Subject) -> None:
    assert answer(subject, lock.take(ANNA)) is None
    assert answer(subject, lock.take(ANNA)) is None
    told = answer(subject, lock.take(BERT))
    assert told
    assert replace(told, age_s=0) == ANNA
    assert answer(subject, lock.renew(BERT.run)) == told
    assert answer(subject, lock.renew(ANNA.run)) is None
    subject.must(lock.release(BERT.run))
    assert answer(subject, lock.take(BERT))
    subject.must(lock.release(ANNA.run))
    assert answer(subject, lock.take(BERT)) is None
    subject.must(lock.release(BERT.run))
    assert "lock" not in subject.hands.names("/var/lib/provisioner")


def test_a_look_tells_who_works_on_the_cluster(subject: Subject) -> None:
    subject.must(lock.take(ANNA))
    told = read_lock(subject.run(look(leader=True))[0])
    subject.must(lock.release(ANNA.run))
    assert told
    assert (told.owner, told.stale) == ("anna", False)
    assert read_lock(subject.run(look(leader=True))[0]) is None


def test_the_lock_of_a_run_that_is_dead_is_taken_over(subject: Subject) -> None:
    subject.must(lock.take(ANNA))
    assert answer(subject, lock.take(BERT, dead="run-x"))
    assert answer(subject, lock.take(BERT, dead=ANNA.run)) is None
    subject.hands.age(lock.PATH, lock.STALE_S + 5)
    assert answer(subject, lock.take(ANNA)) is None
    subject.must(lock.release(ANNA.run))
    (seen,) = subject.run(lock.renew(ANNA.run))
    assert lock.is_gone(seen)


def test_what_another_run_has_left_goes_and_a_run_s_own_stays(subject: Subject) -> None:
    address = subject.hands.read(PLACE).strip()
    assert subject.change(Leftovers(subject.view.run)) is None
    change = subject.change(Leftovers("another"))
    assert change
    assert change.diff.count("\n") == 2
    subject.must(*change.commands)
    assert subject.change(Leftovers("another")) is None
    assert subject.hands.names("/run/provisioner") == set()
    subject.must(opened(subject.view.run, address))
    assert subject.hands.read(APT_MIRRORS) == f"{address}/apt/\n"
    subject.must(closed())
    assert subject.change(Leftovers("another")) is None
    subject.must(opened(subject.view.run, address))


def test_what_an_earlier_run_has_left_running_is_waited_for(subject: Subject) -> None:
    (seen,) = subject.run(settle())
    assert (seen.exit_code, seen.stdout) == (0, "")
    subject.hands.leave_running(3)
    (seen,) = subject.run(settle())
    assert seen.ok
    assert seen.stdout.startswith("an earlier run's command is still at work: sleep 3")
    (seen,) = subject.run(settle())
    assert seen.stdout == ""
