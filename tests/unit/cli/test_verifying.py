"""`verify network` on the command line: what it hands to the suite, and how it shows what the suite found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.cli import verifying
from provisioner.core.report import Listener, NetworkSeen, Reach
from provisioner.errors import Problem
from provisioner.inventory.model import Cluster
from provisioner.verification.run import Scope, VerificationResult
from tests.unit.cli.conftest import GOOD, Call, write

WELL = (Reach("pod-to-pod", "cp1", "w1", True), Reach("pod-to-pod", "w1", "cp1", True))
HOLE = (WELL[0], Reach("pod-to-pod", "w1", "cp1", False, "nc: timed out"))
CAUSE = Problem("missing_route", "w1", "there is no route to the pods of cp1", "`provisioner apply` sets it")


class Suite:
    """Stands in for the suite's own process."""

    def __init__(self) -> None:
        self.reaches: tuple[Reach, ...] = WELL
        self.failed: tuple[Problem, ...] = ()
        self.scope = Scope()

    def __call__(self, cluster: Cluster, listen: Listener, scope: Scope) -> VerificationResult:
        self.scope = scope
        listen(NetworkSeen(self.reaches))
        return VerificationResult(5, self.failed, 0.1, skipped=("names (no DNS server): cp1",), reaches=self.reaches)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    Path("nowhere-bundle").mkdir()
    write("inventory.yaml", GOOD)
    found = Suite()
    monkeypatch.setattr(verifying, "verify_by_testinfra", found)
    return found


def test_every_host_reaches_every_other(call: Call, suite: Suite) -> None:
    said = call("verify", "network", "--sample-above", "50", "--probe-image", "registry.example/probe:1")
    assert said.code == 0, said.err
    assert suite.scope.network
    assert {"--sample-above=50", "--probe-image=registry.example/probe:1"} <= set(suite.scope.suite)
    assert [line.split() for line in said.out.splitlines()[:4]] == [
        ["pod-to-pod", "2"],
        ["from", "\\", "to", "cp1", "w1"],
        ["cp1", "·", "✓"],
        ["w1", "✓", "·"],
    ]
    assert "verified: 5 checks passed\n" in said.out
    assert "Every node can reach every other. 2 host(s)" in said.out
    assert "skipped names (no DNS server): cp1" in said.out


def test_who_does_not_reach_whom_and_why(call: Call, suite: Suite) -> None:
    suite.reaches, suite.failed = HOLE, (CAUSE,)
    said = call("verify", "network", "--html", "report.html")
    assert said.code == 6
    assert "w1         ✗ pod-to-pod" in said.out
    assert "w1: there is no route to the pods of cp1" in said.err
    assert "there is no route to the pods of cp1" in Path("report.html").read_text()


def test_programs_get_all_of_it(call: Call, suite: Suite) -> None:
    suite.reaches, suite.failed = HOLE, (CAUSE,)
    lines = [json.loads(line) for line in call("verify", "network", "--json", "--limit", "w1").out.splitlines()]
    assert suite.scope.limit == frozenset({"w1"})
    seen = next(line for line in lines if line.get("event") == "network_seen")
    assert seen["reaches"][1] == {
        "path": "pod-to-pod", "source": "w1", "target": "cp1", "ok": False, "text": "nc: timed out",
    }  # fmt: skip
    assert (lines[-1]["result"], lines[-1]["part"]) == ("failed", "network")
    assert lines[-1]["problems"][0]["rule"] == "missing_route"


def test_the_log_has_every_path(call: Call, suite: Suite, tmp_path: Path) -> None:
    suite.reaches = HOLE
    call("verify", "network")
    (log,) = (tmp_path / "state" / "logs").glob("*-verify.log")
    assert "failed pod-to-pod w1 -> cp1 nc: timed out" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("networks",), "network"),
        (("network", "--html", "missing/report.html"), "cannot write missing/report.html"),
        (("network", "--limit", "w9"), "no host or group has that name"),
        (("network", "--sample-above", "1"), "sample-above"),
    ],
)
def test_what_is_not_understood_is_refused_before_anything_runs(
    call: Call, suite: Suite, arguments: tuple[str, ...], words: str
) -> None:
    suite.reaches = ()
    said = call("verify", *arguments)
    assert said.code == 2
    assert words in said.err
    assert suite.scope == Scope()
