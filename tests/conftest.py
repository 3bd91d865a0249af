"""For all tests: the fast ones can reach neither the network nor another program, and golden files are rewritten
by `pytest tests/golden tests/cases --update-golden`.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Never

import hypothesis
import pytest

TESTS = Path(__file__).parent

# In CI, where a failure stops a release, the examples are always the same; on a developer's machine they are new ones.
# How long one takes says how busy the machine is.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")
# Directories whose tests compute; those that run programs are in `shell`, `ansible` and `e2e` (machines).
PURE = frozenset({"unit", "cases", "golden", "scenarios", "contract", "fuzz"})
# Marks of tests that take long: they run when `-m` names them.
WHEN_ASKED_FOR = ("sweep", "fuzz")

# Groups of tests that take longest, in this order: they begin first, so that in the end no worker waits for another.
LONGEST_FIRST = ("lab", "test_binaries", "test_vagrant", "test_networks", "test_kills", "test_run")
# Fixtures that are a lab which tests in several files use, by name.
SHARED_LABS = ("lab", "sources", "subject")

Golden = Callable[[str, str], None]
# How many of something a test has tried; it counts when the test passes.
Tally = Callable[[str, int], None]

pytest.register_assert_rewrite("tests.contract.subject", "tests.scenarios.sweep")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected files; review them as a diff")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sweep: tries every crash point, not only some; runs when it is asked for by -m")
    config.addinivalue_line("markers", "fuzz: tries many hostile inputs; runs when it is asked for by -m")


def pytest_sessionstart(session: pytest.Session) -> None:
    """The engine for real labs runs for all workers, from before the first until after the last test."""
    config = session.config
    if config.option.markexpr == "e2e" and not config.option.collectonly and not hasattr(config, "workerinput"):
        # Only here: Docker's client costs the fast tests half a second.
        from tests.e2e.machines import can_run_containers  # noqa: PLC0415
        from tests.e2e.readiness import ready_for_labs  # noqa: PLC0415

        if can_run_containers():
            ready = ExitStack()
            ready.enter_context(ready_for_labs())
            config.add_cleanup(ready.close)


# First: a worker of xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [mark for mark in WHEN_ASKED_FOR if mark not in config.option.markexpr]
    deselected = [item for item in items if any(map(item.get_closest_marker, left_out))]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]
    shared = {item.path: lab for item in items if (lab := shared_lab(item))}
    groups = {item: shared.get(item.path, item.path.stem) for item in items}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    if config.option.markexpr == "e2e":
        items.sort(key=lambda item: ((*LONGEST_FIRST, groups[item]).index(groups[item]), _wants_more(item)))


def shared_lab(item: pytest.Item) -> str:
    """The lab of several files that a test uses, or nothing: its tests have to run in one process."""
    used = getattr(item, "fixturenames", ())
    return next((lab for lab in SHARED_LABS if lab in used and not hasattr(getattr(item, "module", None), lab)), "")


def _wants_more(item: pytest.Item) -> bool:
    """Whether the lab has to grow for it: three nodes are verified sooner than five."""
    return "grown" in getattr(item, "fixturenames", ())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for everything that was counted by tests that passed."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, told in report.user_properties:
            if name == "tally" and report.when == "call":
                totals[told[0]] += told[1]
    for title, number in totals.items():
        terminalreporter.write_line(f"{title}: {number}")


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Count something for the lines at the end of a test run."""
    return lambda title, number: record_property("tally", (title, number))


@pytest.fixture(autouse=True)
def isolated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast test that opens a connection or starts a program fails."""
    if request.path.relative_to(TESTS).parts[0] not in PURE or request.node.get_closest_marker("e2e"):
        return
    for owner, name in (
        (socket.socket, "connect"),
        (socket.socket, "bind"),
        (subprocess.Popen, "__init__"),
        (os, "system"),
        (os, "fork"),
        (os, "posix_spawn"),
    ):
        monkeypatch.setattr(owner, name, _forbidden(name))


def _forbidden(name: str) -> Callable[..., Never]:
    def refuse(*arguments: object, **options: object) -> Never:
        raise AssertionError(f"a fast test may not open connections or start programs ({name})")

    return refuse


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a file below tests/golden, or write the file with --update-golden."""

    def compare(name: str, text: str) -> None:
        path = TESTS / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{name} does not exist yet: run pytest with --update-golden and review it"
        assert text == path.read_text(), f"{name} differs: if that is right, run pytest with --update-golden"

    return compare
