from __future__ import annotations

import pytest

from provisioner.core.report import HostReport, Reach, Report
from provisioner.errors import Problem
from provisioner.output import tables
from provisioner.verification.page import page
from provisioner.verification.run import require_writable
from tests.conftest import Golden

REACHES = (
    Reach("pod-to-pod", "cp1", "cp1", True),
    Reach("pod-to-pod", "cp1", "w1", False, "nc: timed out"),
    Reach("largest-packet", "cp1", "w1", False, "1400 pass"),
    Reach("api-server", "cp1", "API", True),
    Reach("pod-to-pod", "w1", "cp1", True),
    Reach("largest-packet", "w1", "cp1", True, "1500"),
)


def test_who_does_not_reach_whom_by_which_path() -> None:
    columns, rows = tables.matrix(REACHES)
    assert columns == ["from \\ to", "cp1", "w1", "API"]
    assert rows == [["cp1", "✓", "✗ pod-to-pod, largest-packet", "✓"], ["w1", "✓", "·", "·"]]


def test_in_a_large_cluster_only_what_is_wrong_is_shown() -> None:
    columns, rows = tables.matrix(REACHES, nodes_shown=1)
    assert (columns, rows) == (["from \\ to", "w1"], [["cp1", "✗ pod-to-pod, largest-packet"]])
    assert tables.matrix(REACHES[:1], nodes_shown=0)[1] == []


def test_paths_are_counted() -> None:
    assert tables.by_path(REACHES)["pod-to-pod"] == (2, 3)
    assert next(iter(tables.network(REACHES))) == (
        "pod-to-pod 2 of 3; largest-packet 1 of 2; api-server 1; path MTU: 1500 bytes"
    )
    assert list(tables.network(())) == []


@pytest.mark.parametrize(("sizes", "text"), [((), ""), ((1500,), "1500"), ((1500, 1400, 1500), "1400 to 1500")])
def test_the_largest_packet(sizes: tuple[int, ...], text: str) -> None:
    reaches = [Reach("largest-packet", "cp1", "w1", True, str(size)) for size in sizes]
    assert tables.largest(reaches) == (f"path MTU: {text} bytes" if text else "")


def test_the_page(golden: Golden) -> None:
    problem = Problem("mtu", "w1", "eth0 carries 1400 bytes <at most>", "the same MTU & everywhere")
    report = Report("failed", 0, {"cp1": HostReport(), "w1": HostReport()}, (problem,), ("names (no DNS)",), 12.5)
    golden("verification-page.html", page("<lab>", "2026-01-02 03:04 UTC", report, REACHES))


def test_a_page_of_what_is_well_says_so() -> None:
    text = page("lab", "2026-01-02 03:04 UTC", Report("ok", 0, {"cp1": HostReport()}, seconds=1.0), REACHES[:1])
    assert "lab: verified" in text
    assert "Findings" not in text
    require_writable(None)
