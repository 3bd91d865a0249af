"""What is shown of a run: plain lines for people, and JSON lines for programs."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from provisioner.core.command import Command
from provisioner.core.plan import Plan, PlayPlan, Step
from provisioner.core.report import (  # fmt: skip
    CommandRan,
    Event,
    Found,
    HostReport,
    Note,
    Outcome,
    PhaseBegan,
    Report,
    StepBegan,
    StepEnded,
    Waiting,
)
from provisioner.core.resource import Change
from provisioner.errors import PreflightError, Problem, Severity, StepError
from provisioner.output.console import Human, Machine, Show
from tests.conftest import Golden

EVENTS: tuple[Event, ...] = (
    PhaseBegan("machine", ("cp1", "w1")),
    StepBegan("cp1", "create /etc/motd [0644]"),
    CommandRan("cp1", "rm -f '/tmp/[x]'", 0, 0.123, "said this"),
    StepEnded("cp1", "create /etc/motd [0644]", Outcome.CHANGED, 0.4),
    StepBegan("w1", "kubeadm join"),
    Waiting("w1", "the node to appear"),
    StepEnded("w1", "kubeadm join", Outcome.FAILED, 75.0, "error execution phase preflight"),
    Found(Problem("clock", "w1", "its clock is 600 s behind", "Set the clock.", Severity.WARNING)),
    Note("The kubeconfig is in [bold]~/.kube/config[/]."),
)
PLAN = Plan((
    PlayPlan("machine", (
        Step("cp1", "file /etc/motd", Change("create /etc/motd", (Command(("true",)),), "+hello\n")),
        Step("w1", "file /etc/motd", Change("create /etc/motd", (Command(("true",)),), "+hello\n")),
    )),
    PlayPlan("nothing to do here", ()),
    PlayPlan("workers", (Step("w1", "kubeadm join", Change("kubeadm join", waits_for="the CA's hash")),)),
))  # fmt: skip
HOSTS = {"cp1": HostReport(round_trips=3, seconds=0.4)}
WELL = Report("ok", 0, HOSTS)
BADLY = Report(
    "failed", 2, {**HOSTS, "w1": HostReport(changed=2, failed=1, round_trips=5, seconds=9.5, detail="w1: lost")},
    skipped=("CoreDNS is left out",), seconds=61.0,
)  # fmt: skip
ERROR = StepError(
    "w1: kubeadm join: failed with exit code 1", hint="Fix the cause.", details="$ kubeadm\n[preflight] no"
)


def told(show: Show, report: Report) -> None:
    for event in EVENTS:
        show(event)
    show.plan(PLAN, verbose=True)
    show.error(ERROR, "/tmp/run.log")
    show.report(report)


def human(*, verbose: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, color_system=None)
    told(Human(console, console, verbose=verbose), BADLY)
    return out.getvalue()


def machine(report: Report) -> list[dict[str, object]]:
    out = io.StringIO()
    told(Machine(Console(file=out, width=40)), report)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("verbose", [False, True], ids=["quiet", "verbose"])
def test_plain_lines(verbose: bool, golden: Golden) -> None:
    text = "\n".join(line.rstrip() for line in human(verbose=verbose).splitlines())
    golden(f"console/{'verbose' if verbose else 'plain'}.txt", text + "\n")


def test_json_lines(golden: Golden) -> None:
    golden("console/lines.json", "".join(f"{json.dumps(line)}\n" for line in machine(BADLY)))


def test_the_last_line_is_the_report_and_nothing_but_what_it_has_to_say() -> None:
    hosts = {"cp1": {"changed": 0, "round_trips": 3, "seconds": 0.4}}
    assert machine(WELL)[-1] == {"result": "ok", "changed": 0, "hosts": hosts}


def test_what_failed_is_in_the_last_line() -> None:
    last = machine(BADLY)[-1]
    assert (last["result"], last["skipped"]) == ("failed", ["CoreDNS is left out"])
    assert last["hosts"]["w1"] == {  # type: ignore[index]
        "changed": 2, "round_trips": 5, "seconds": 9.5, "failed": 1, "detail": "w1: lost",
    }  # fmt: skip


def test_an_error_with_findings_shows_them_all() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, color_system=None)
    problems = [Problem("memory", name, "has 1 MiB of memory", "More.") for name in ("cp1", "w1")]
    Human(console, console).error(PreflightError("2 finding(s) to fix first", problems), "")
    assert "cp1: has 1 MiB" in out.getvalue()
    assert "w1: has 1 MiB" in out.getvalue()


def test_a_line_for_programs_is_never_wrapped() -> None:
    out = io.StringIO()
    Machine(Console(file=out, width=20))(Note("word " * 100))
    assert len(out.getvalue().splitlines()) == 1


def test_the_live_display_of_a_terminal_ends_with_the_run() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    show = Human(console, console)
    told(show, WELL)
    assert not show._progress.live.is_started
    assert "kubeadm join" in out.getvalue()


@pytest.mark.parametrize(
    ("batches", "first"),
    [
        ((("w1",), ("w2",), ("cp1",)), "one after the other: w1, w2, cp1"),
        ((("w1", "w2"), ("w3",), ("cp1",)), "one batch after the other: w1, w2; w3; cp1"),
        (tuple((f"w{n}", f"x{n}") for n in range(8)), "w5, x5 and 2 more"),
        ((("w1",),), "machine"),
        (((),), "machine"),
    ],
)
def test_a_plan_says_who_comes_first(batches: tuple[tuple[str, ...], ...], first: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, color_system=None)
    step = Step("w1", "file /etc/motd", Change("create /etc/motd", (), "+hello\n"))
    plan = Plan(tuple(PlayPlan("machine", (step,), batch) for batch in batches))
    Human(console, console, verbose=False).plan(plan, verbose=False)
    assert out.getvalue().splitlines()[0].endswith(first)
    assert out.getvalue().count("machine") == 1
