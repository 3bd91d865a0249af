"""What is said of a command that did not do what it should, by its exit code and the time it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from provisioner.core.command import Command, Result
from provisioner.core.plan import Step
from provisioner.core.report import CommandRan, Event, ignore
from provisioner.core.resource import Change
from provisioner.engine.steps import run_steps
from provisioner.transports.protocol import Transport


@dataclass
class Answers:
    """A machine on which every command ends like this."""

    result: Result

    def run(self, commands: Sequence[Command], **more: Any) -> tuple[Result, ...]:
        return (self.result,)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Result(1, seconds=2.0), "failed with exit code 1"),
        (Result(124, seconds=60.0), "did not finish within 60 s"),
        (Result(137, seconds=70.0), "did not finish within 60 s"),
        (Result(137, seconds=9.0), "was killed (exit code 137): by hand, or because memory ran out"),
    ],
)
def test_how_a_command_failed(result: Result, words: str) -> None:
    step = Step("w1", "file /etc/x", Change("write", (Command(("true",), timeout_s=60),)))
    ran = run_steps(cast(Transport, Answers(result)), [step], ignore)
    assert ran.done == ()
    assert ran.error is not None
    assert ran.error.message == f"w1: write: {words}"


@pytest.mark.parametrize("code", [0, 1])
def test_what_a_private_command_says_is_neither_logged_nor_in_the_error(code: int) -> None:
    heard: list[Event] = []
    command = Command(("cat", "/etc/kubernetes/admin.conf"), private=True)
    step = Step("cp1", "file /x", Change("read", (command,)))
    answers = Answers(Result(code, "hunter2 Read-only file system", "hunter2"))
    ran = run_steps(cast(Transport, answers), [step], heard.append)
    assert [event.output for event in heard if isinstance(event, CommandRan)] == ["(not logged)"]
    assert (ran.error is not None) == bool(code)
    if ran.error:
        assert ran.error.details == "$ cat /etc/kubernetes/admin.conf\n"
        assert "read-only" not in ran.error.hint, "what it says is not even looked at"
