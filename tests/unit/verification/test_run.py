from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.report import Event, NetworkSeen, Outcome, Reach, StepBegan, StepEnded, Waiting
from provisioner.errors import Problem, UsageError
from provisioner.verification import run
from provisioner.verification.expect import ARROW, Finding, NotChecked, expect_no_problems, expect_none, told
from provisioner.verification.run import Scope
from provisioner.verification.stream import Stream
from tests.unit.verification.conftest import a_cluster


def ended(host: str, outcome: str, **values: Any) -> dict[str, Any]:
    usual = {"event": "ended", "rule": "kubelet_runs", "host": host, "title": "The kubelet runs", "outcome": outcome}
    return {**usual, "cause": "", "message": "", "hint": "", "seconds": 0.5, "problems": [], **values}


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ({"event": "began", "host": "w1", "title": "x"}, StepBegan("w1", "x")),
        ({"event": "waiting", "host": "cluster", "what": "pods"}, Waiting("cluster", "pods")),
        (ended("w1", "passed"), StepEnded("w1", "The kubelet runs", Outcome.OK, 0.5)),
        (ended("w1", "failed", message="dead"), StepEnded("w1", "The kubelet runs", Outcome.FAILED, 0.5, "dead")),
        (ended("w1", "skipped", message="why"), StepEnded("w1", "The kubelet runs", Outcome.SKIPPED, 0.5, "why")),
        (
            ended("w1", "not checked", cause="w1", message="not checked: w1 did not answer"),
            StepEnded("w1", "The kubelet runs", Outcome.SKIPPED, 0.5, "not checked: w1 did not answer"),
        ),
    ],
)
def test_lines_become_events(line: dict[str, Any], event: Event) -> None:
    heard: list[Event] = []
    run.tell(line, heard.append)
    assert heard == [event]


def test_all_is_well() -> None:
    found = run.result([ended("w1", "passed"), ended("w2", "skipped", message="no swap here")])
    assert (found.ok, found.passed, found.failed) == (True, 1, ())
    assert found.skipped == ("The kubelet runs (no swap here): w2",)


def test_a_failure_becomes_a_finding_with_its_hint() -> None:
    found = run.result([ended("w1", "failed", message="it is dead", hint="start it")])
    assert not found.ok
    assert found.failed == (Problem("kubelet_runs", "w1", "it is dead", "start it"),)


def test_what_could_not_be_checked_is_told_once_by_its_cause() -> None:
    found = run.result(
        [
            ended("w2", "failed", rule="answers", message="cannot be reached"),
            *[ended("w2", "not checked", cause="w2")] * 30,
            ended("w1", "not checked", cause="cluster"),
        ]
    )
    assert found.not_checked == 31
    assert [str(problem) for problem in found.failed] == [
        "w2: cannot be reached (so 30 more checks could not be made)",
        "cluster: 1 checks could not be made",
    ]


def test_what_could_not_be_checked_is_never_fine() -> None:
    assert not run.result([ended("w1", "passed"), ended("w1", "not checked", cause="cluster")]).ok


def test_a_strange_host_is_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="no host w9"):
        run.verify(a_cluster(), lambda event: None, Scope(limit=frozenset({"w1", "w9"})))


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        run.verify(a_cluster(), lambda event: None, Scope(junit=tmp_path / "missing" / "report.xml"))


REACH = {"path": "pod-to-pod", "source": "cp1", "target": "w1", "ok": False, "text": "timed out"}


def test_who_reaches_whom_is_told_and_kept() -> None:
    event = {"event": "network", "reaches": [REACH]}
    heard: list[Event] = []
    run.tell(event, heard.append)
    reach = Reach("pod-to-pod", "cp1", "w1", False, "timed out")
    assert heard == [NetworkSeen((reach,))]
    found = run.result([event, ended("w1", "passed")])
    assert (found.reaches, found.passed) == ((reach,), 1)


CAUSE = Problem("missing_route", "w1", "there is no route", "set it")


def test_what_has_a_name_of_its_own_keeps_it_on_the_whole_way() -> None:
    with pytest.raises(Finding) as caught:
        expect_no_problems([CAUSE, replace(CAUSE, rule="mtu")])
    text = io.StringIO()
    Stream(text).ended(("nothing_in_the_way", "w1", "Nothing"), report("failed"), caught.value)
    found = run.result([json.loads(text.getvalue())])
    assert found.failed == (CAUSE, replace(CAUSE, rule="mtu"))
    expect_no_problems([])


def test_the_suite_is_asked_for_what_the_scope_says(tmp_path: Path) -> None:
    command = run._command(a_cluster(), ["w1"], Scope(network=True, junit=tmp_path / "x", suite=("--sample-above=5",)))
    assert command[-4:] == ["--limit=w1", "-mnetwork", "--sample-above=5", f"--junitxml={tmp_path / 'x'}"]
    assert "-mnetwork" not in run._command(a_cluster(), (), run.EVERYTHING)


def test_nothing_wrong_is_no_failure() -> None:
    expect_none([])


def test_everything_wrong_is_one_line_with_a_hint() -> None:
    with pytest.raises(Finding) as caught:
        expect_none(["a is off", "b is off"], "fix them")
    assert told(caught.value) == ("a is off; b is off", "fix them")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AssertionError("lost\nmore"), ("lost", "")),
        (AssertionError(f"lost{ARROW}look"), ("lost", "look")),
        (KeyError("podCIDR"), ("KeyError: 'podCIDR'", "")),
        (AssertionError(), ("failed without a message", "")),
        (NotChecked("w1", "w1 did not answer"), ("not checked: w1 did not answer", "")),
    ],
)
def test_how_a_failure_is_told(error: BaseException, words: tuple[str, str]) -> None:
    assert told(error) == words


def report(outcome: str = "passed") -> pytest.TestReport:
    return pytest.TestReport("id", ("f", 1, "d"), {}, outcome, None, "call", duration=0.25)  # type: ignore[arg-type]


def test_the_stream_tells_what_happens() -> None:
    text = io.StringIO()
    stream = Stream(text)
    stream.began("w1", "The kubelet runs")
    stream.waiting("cluster", "pods")
    stream.ended(("kubelet_runs", "w1", "The kubelet runs"), report(), None)
    stream.ended(("kubelet_runs", "w1", "The kubelet runs"), report("failed"), NotChecked("w1", "no answer"))
    lines = [json.loads(line) for line in text.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["began", "waiting", "ended", "ended"]
    assert [line["outcome"] for line in lines[2:]] == ["passed", "not checked"]
    assert lines[3]["cause"] == "w1"


def test_without_a_listener_the_stream_is_silent() -> None:
    Stream.open(None).began("w1", "x")


def test_a_listener_that_has_gone_ends_the_run() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(pytest.exit.Exception):
        Stream(Broken()).began("w1", "x")
