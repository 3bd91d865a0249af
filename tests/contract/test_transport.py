"""What every transport promises. It comes last: cutting the connection takes the way to the bundle with it."""

from __future__ import annotations

import pytest

from provisioner.core.command import Command, Result
from provisioner.core.untrusted import visible
from provisioner.errors import UnreachableError
from provisioner.resources.files import File
from tests.contract.subject import Subject

NOTHING = Command(("systemctl", "daemon-reload"))
FAILS = Command(("systemctl", "start", "no-such.service"))
ACCEPTED = Command(FAILS.argv, accepts=frozenset({0, 5}))


def test_a_batch_is_one_round_trip_and_no_commands_are_none(subject: Subject) -> None:
    before = subject.transport.round_trips
    assert subject.transport.run([]) == ()
    subject.run(NOTHING, NOTHING, NOTHING)
    assert subject.transport.round_trips == before + 1
    assert subject.transport.seconds > 0


def test_every_command_has_a_result(subject: Subject) -> None:
    results = subject.run(NOTHING, ACCEPTED)
    assert [result.exit_code for result in results] == [0, 5]
    assert results[0].stdout == ""
    assert "no-such.service not found" in results[1].stderr


def test_the_first_that_fails_is_the_last(subject: Subject) -> None:
    begun: list[int] = []
    results = subject.transport.run([NOTHING, FAILS, NOTHING], began=begun.append)
    assert [result.exit_code for result in results] == [0, 5]
    assert begun == [0, 1]


def test_looking_goes_on_after_a_failure(subject: Subject) -> None:
    results = subject.transport.run([FAILS, NOTHING], stop=False)
    assert [result.exit_code for result in results] == [5, 0]


def test_an_accepted_code_is_an_answer(subject: Subject) -> None:
    assert len(subject.run(ACCEPTED, NOTHING)) == 2


def test_odd_output_arrives_made_visible_and_is_compared_as_it_is(subject: Subject) -> None:
    text = "".join(chr(code) for code in range(1, 0x17F) if code != 13) + "\n\n"
    subject.hands.put("/etc/contract/output", text)
    want = File("/etc/contract/output", text)
    (seen,) = subject.run(want.probe())
    assert seen == Result(0, f"644 root:root\n{visible(text)}", seconds=seen.seconds)
    assert "\x1b" not in seen.stdout
    assert want.diff(seen, set()) is None


def test_large_input_arrives(subject: Subject) -> None:
    subject.settle(File("/etc/contract/large", "0123456789abcdef" * 20_000))


def test_a_machine_that_is_gone_is_unreachable_and_later_it_is_not(subject: Subject) -> None:
    subject.hands.cut()
    try:
        for _ in range(2):
            with pytest.raises(UnreachableError) as error:
                subject.run(NOTHING)
            assert "cp1" in error.value.message
            assert error.value.hint
    finally:
        subject.hands.fix()
    assert subject.run(NOTHING)[0].ok
