"""Looking at machines that do not answer as machines do."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from provisioner.core.command import Command, Result
from provisioner.engine.fleet import Fleet
from provisioner.engine.gathering import look_at
from provisioner.transports.protocol import Transport
from provisioner.world.facts import read_facts
from tests.builders import ok, view
from tests.conftest import TESTS


class Answers:
    """A machine that gives the same answer to everything."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def open(self) -> None:
        """There is nothing to open."""

    def run(self, commands: Sequence[Command], **more: Any) -> tuple[Result, ...]:
        """The same answer to each."""
        return (self._result,) * len(commands)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Result(0, "Welcome to the router\n"), "cannot be read"),
        (Result(0, ""), "cannot be read"),
        (Result(127, "", "sh: ip: not found"), "ip: not found"),
    ],
)
def test_nonsense_is_that_machines_error_and_nobody_elses(result: Result, words: str) -> None:
    transport = cast(Transport, Answers(result))
    with ThreadPoolExecutor(1) as executor:
        _, errors = look_at(Fleet({"w1": transport}, executor), view(), ["w1"])
    assert "could not look at this host" in errors["w1"].message
    assert words in errors["w1"].details
    assert "systemd" in errors["w1"].hint


def test_clocks_are_compared_as_they_were_when_the_look_began() -> None:
    """Leftovers of an earlier run may be waited for first: both clocks have gone on meanwhile."""
    answer = ok((TESTS / "cases" / "facts" / "worker.txt").read_text())
    answered_s = read_facts(answer).clock_s
    moments = iter([answered_s - 300, answered_s])
    with ThreadPoolExecutor(1) as executor:
        fleet = Fleet({"w1": cast(Transport, Answers(answer))}, executor, clock=lambda: next(moments))
        seen, _ = look_at(fleet, view(), ["w1"])
    assert seen.observed.facts["w1"].clock_s == pytest.approx(seen.observed.now_s)
