"""What comes from a machine, a server or an inventory of others is shown and written down, and obeyed by nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from provisioner.core.plan import Plan, PlayPlan, Step
from provisioner.core.report import (
    CommandRan,
    Event,
    Found,
    HostReport,
    NetworkSeen,
    Note,
    Outcome,
    PhaseBegan,
    Reach,
    Report,
    Said,
    StepBegan,
    StepEnded,
    Traced,
    Waiting,
    ignore,
)
from provisioner.core.resource import Change
from provisioner.errors import PreflightError, Problem
from provisioner.labs.processes import last_lines
from provisioner.labs.vagrant.troubles import explained, machine_line
from provisioner.output.console import Human, Machine, show_error
from provisioner.output.log import Log
from provisioner.output.screen import Screen
from provisioner.output.tables import table
from provisioner.verification.run import _visible
from tests.conftest import Tally

STEERS = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "ok\rfailed",
    "\x9b31m",
    "\u202egpj.exe",
    "\u200b",
    "\u2028",
    "\x85",
    "\x0b",
    "\x00",
    "\ud800",
    "[bold red]error[/] [link=https://evil.example]log[/link]\\",
    ":warning:",
]
# What rich itself writes with colours switched off and no terminal: none of it.
OBEYED = set(map(chr, (*range(9), *range(11, 32), *range(0x7F, 0xA0)))) | set("\u202e\u200b\u2028\ud800")


def events(text: str) -> list[Event]:
    return [
        PhaseBegan(text),
        StepBegan("w1", text),
        Waiting("w1", text),
        Said("w1", text),
        CommandRan("w1", text, 0, 0.1, text),
        StepEnded("w1", text, Outcome.FAILED, 1.0, text),
        Found(Problem("rule", text, text, text)),
        Note(text),
        NetworkSeen((Reach("pod-to-pod", text, text, ok=False, text=text),)),
        Traced("w1", text),
    ]


def told(show: Human | Machine, text: str) -> None:
    for event in events(text):
        show(event)
    step = Step("w1", text, Change(text, (), diff=f"-{text}\n+x\n", waits_for=text))
    show.plan(Plan((PlayPlan(text, (step,)),)), verbose=True)
    show.report(Report("failed", 1, {"w1": HostReport(failed=1, detail=text)}, skipped=(text,)))
    show.error(PreflightError(text, [Problem("rule", text, text, text)], hint=text, details=text), text)


@pytest.mark.parametrize("text", STEERS, ids=ascii)
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "file"])
def test_nothing_that_is_shown_is_obeyed(text: str, terminal: bool, tally: Tally) -> None:
    out = io.StringIO()
    screen = Screen(file=out, width=400, color_system=None, force_terminal=terminal, emoji=False, legacy_windows=False)
    show = Human(screen, screen, verbose=True)
    told(show, text)
    screen.print(table((text,), [[text]]))
    show_error(screen, PreflightError(text, hint=text, details=text), "")
    show.close()
    shown = out.getvalue()
    if not terminal:
        assert not OBEYED & set(shown)
    # On a terminal the live lines move the cursor, and nothing else.
    assert not [forged for forged in ("\x1b[2J", "\x1b]", "\x9b", "\u202e", "\ud800") if forged in shown]
    assert shown.encode()
    if text.startswith(("[", ":")):
        assert text.rstrip("\\") in shown
    tally("hostile inputs tried", 1)


@pytest.mark.parametrize("text", STEERS, ids=ascii)
def test_lines_for_programs_are_lines(text: str) -> None:
    out = io.StringIO()
    told(Machine(Screen(file=out, width=400)), text)
    assert not OBEYED & set(out.getvalue())
    assert [json.loads(line) for line in out.getvalue().split("\n")[:-1]]


@pytest.mark.parametrize("text", [*STEERS, "\n2026-01-01T00:00:00.000+00:00 cp1: changed after 0.1 s: fine"], ids=ascii)
def test_only_what_we_write_looks_like_a_line_of_the_log(text: str, tmp_path: Path, tally: Tally) -> None:
    with Log(tmp_path / "log", ignore) as log:
        for event in events(text):
            log(event)
        log.write(f"error: {text}\n{text}")
    written = (tmp_path / "log").read_bytes().decode()
    assert not OBEYED & set(written)
    stamped = [line for line in written.splitlines() if not line.startswith("    ")]
    # Said is not written down.
    assert len(stamped) == len(events(text))
    tally("hostile inputs tried", 1)


def test_programs_of_this_machine_are_not_obeyed() -> None:
    """Vagrant's output is a box's, and a lab's a container's."""
    assert last_lines("a\nb\x1b[2J\n") == "a\nb\\x1b[2J"
    assert explained("vagrant up", "w1: \x1b]0;title\x07").details == r"w1: \x1b]0;title\x07"
    assert machine_line("==> w1: \x1b[2Jup") == ("w1", r"\x1b[2Jup")


def test_what_the_suite_heard_in_json_is_not_obeyed() -> None:
    heard = json.loads(json.dumps({"message": "\x1b[2J", "problems": [{"where": "\ud800"}], "seconds": 1.5}))
    assert _visible(heard) == {"message": r"\x1b[2J", "problems": [{"where": r"\ud800"}], "seconds": 1.5}
