"""How results are put in words: a report in one line, a text in one line, a duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from provisioner.core.names import some
from provisioner.core.report import HostReport, Report
from provisioner.core.untrusted import visible
from provisioner.errors import Problem, ProblemsError, ProvisionerError


def words(report: Report) -> str:
    """How a run went."""
    left = f" {report.left_out} step(s) of plays that were not selected are still to be done."
    return _went(report) + (left if report.left_out else "")


def _went(report: Report) -> str:
    if report.part == "network" and report.result == "ok":
        return "Every node can reach every other."
    if report.result == "changes":
        return f"{report.changed} step(s) would be done."
    if report.result == "interrupted":
        return f"Interrupted; {report.changed} step(s) were done."
    if report.result == "failed":
        return f"Failed; {report.changed} step(s) were done." if report.changed else "Failed."
    if report.changed:
        return f"{report.changed} step(s) done."
    if report.left_out:
        return "Nothing to do in the selected plays."
    return "Nothing to do: everything is as the inventory says."


def finding(problem: Problem) -> str:
    """A finding with the first few of its hosts; JSON and the log name all of them."""
    return str(replace(problem, where=some(problem.where.split(", "))))


def unfinished(host: str, told: HostReport) -> str:
    """Why a host is not in the desired state: `: it broke, 3 step(s) to go`."""
    steps = f"{told.left} step(s) to go" if told.left else ""
    return ": " + ", ".join(word for word in (one_line(told.detail.removeprefix(f"{host}: ")), steps) if word)


def one_line(text: str) -> str:
    """White space collapsed, control characters made visible, and cut when it is too long for a line."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= 160 else line[:159] + "…"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 5 s`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def why(host: str, error: ProvisionerError) -> str:
    """An error of that host in one line, for a sentence that says what has failed: the last line of its output."""
    return error.details.rpartition("\n")[2] or error.message.removeprefix(f"{host}: ")


def together(errors: Mapping[str, ProvisionerError]) -> tuple[ProvisionerError, ...]:
    """The errors of hosts; equal errors of several hosts become one, with the output of the first host."""
    hosts: dict[tuple[type, str, str, str], list[str]] = {}
    for host, error in errors.items():
        alone = host if isinstance(error, ProblemsError) else ""
        hosts.setdefault((type(error), error.message.removeprefix(f"{host}: "), error.hint, alone), []).append(host)
    return tuple(_one(what, names, errors[names[0]]) for (_, what, *_), names in hosts.items())


def _one(what: str, names: list[str], first: ProvisionerError) -> ProvisionerError:
    if len(names) == 1:
        return first
    details = f"{names[0]} says:\n{first.details}" if first.details else ""
    return type(first)(f"{', '.join(names)}: {what}", hint=first.hint, details=details)
