"""What nobody has foreseen becomes the error of the machine whose answer it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import typer

from provisioner.cli.common import frame
from provisioner.core.report import Event, Traced, ignore
from provisioner.engine.fleet import Fleet
from provisioner.engine.guard import for_all, for_each
from provisioner.errors import AnswerError, UnreachableError
from provisioner.transports.protocol import Transport
from provisioner.world.facts import HostState
from provisioner.world.view import View
from tests.builders import facts, view
from tests.conftest import Tally
from tests.fake.world import AtOnce

TROUBLES = [
    KeyError("cpus"),
    IndexError("list index out of range"),
    TypeError("unhashable type: 'list'"),
    ValueError("Exceeds the limit (4300 digits) for integer string conversion"),
    RecursionError("maximum recursion depth exceeded"),
    OverflowError("cannot convert float infinity to integer"),
    UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
    MemoryError(),
    AssertionError("a new tail\x1b]0;pwned\x07"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_whatever_is_raised_is_that_machine_s_answer(trouble: Exception, tally: Tally) -> None:
    def work(host: str, transport: Transport) -> str:
        if host == "w1":
            raise trouble
        return host

    heard: list[Event] = []
    hosts = dict.fromkeys(("cp1", "w1", "w2"), cast(Transport, None))
    answers = Fleet(hosts, AtOnce(), listen=heard.append).each(hosts, work)
    assert list(answers.good) == ["cp1", "w2"]
    error = answers.bad["w1"]
    assert isinstance(error, AnswerError)
    assert error.exit_code == 5
    assert type(trouble).__name__ in error.message
    assert "\x1b" not in error.message + error.trace
    (traced,) = heard
    assert isinstance(traced, Traced)
    assert traced.host == "w1"
    assert "in work" in traced.trace
    tally("hostile inputs tried", 1)


def test_ctrl_c_is_nobody_s_answer() -> None:
    def work(host: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_each(["w1"], work, ignore)


def three() -> View:
    names = ("cp1", "w1", "w2")
    return view(facts={name: facts(name) for name in names}, states=dict.fromkeys(names, HostState()))


def without(*odd: str) -> Callable[[View], tuple[str, ...]]:
    def work(seen: View) -> tuple[str, ...]:
        if set(odd) & set(seen.observed.facts):
            raise KeyError(odd)
        return tuple(seen.observed.facts)

    return work


@pytest.mark.parametrize("odd", [(), ("w1",), ("w2",), ("w1", "w2")])
def test_what_is_computed_of_all_leaves_out_who_stands_in_the_way(odd: tuple[str, ...]) -> None:
    seen, value, errors = for_all(three(), without(*odd), ignore)
    assert set(errors) == set(odd)
    assert set(value) == {"cp1", "w1", "w2"} - set(odd)
    assert set(seen.observed.states) == set(seen.observed.facts) == set(value)
    assert not seen.limit & set(odd)


def test_a_control_plane_in_the_way_is_an_error_that_names_it() -> None:
    with pytest.raises(AnswerError, match=r"^cp1: the answer of this host"):
        for_all(three(), without("cp1"), ignore)


def test_what_nobody_stands_in_the_way_of_alone_is_an_error_and_not_tried_for_ever() -> None:
    def work(seen: View) -> None:
        if len(seen.observed.facts) == 3:
            raise ZeroDivisionError

    with pytest.raises(AnswerError, match="ZeroDivisionError"):
        for_all(three(), work, ignore)


def test_an_error_that_was_foreseen_stays_what_it_is() -> None:
    def work(seen: View) -> None:
        raise UnreachableError("w1: lost")

    with pytest.raises(UnreachableError):
        for_all(three(), work, ignore)


def test_a_defect_is_one_screen_with_the_trace_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(typer.Exit) as end, frame("plan"):
        raise KeyError("nothing")
    assert end.value.exit_code == 1
    shown = capsys.readouterr().err
    assert "a defect of provisioner: KeyError" in shown
    assert "Traceback" not in shown
    (log,) = tmp_path.rglob("*.log")
    assert "Traceback" in log.read_text()
