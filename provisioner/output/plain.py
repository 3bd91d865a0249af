"""Events, reports and errors as plain data, for the stream of JSON lines."""

from __future__ import annotations

import dataclasses

from provisioner.core.report import Event, HostReport, Report
from provisioner.errors import ProblemsError, ProvisionerError


def event_fields(event: Event) -> dict[str, object]:
    """An event with its kind: `{"event": "step_began", "host": ..., "title": ...}`."""
    return {"event": _snake(type(event).__name__), **dataclasses.asdict(event)}


def report_fields(report: Report) -> dict[str, object]:
    """`{"result": "ok", "changed": 0, "hosts": {"cp1": {"changed": 0, "round_trips": 3, "seconds": 0.4}}}`.

    The other fields of a report (seconds, failures, what was skipped) are there when they are not empty.
    """
    hosts = {name: _host_fields(told) for name, told in report.hosts.items()}
    kept = {"result": report.result, "changed": report.changed, "hosts": hosts}
    fields = dataclasses.asdict(report)
    return kept | {name: value for name, value in fields.items() if value and name not in kept}


def _host_fields(told: HostReport) -> dict[str, object]:
    kept = {"changed": told.changed, "round_trips": told.round_trips, "seconds": told.seconds}
    return kept | {name: value for name, value in dataclasses.asdict(told).items() if value and name not in kept}


def error_fields(error: ProvisionerError) -> dict[str, object]:
    """An error as plain data."""
    problems = error.problems if isinstance(error, ProblemsError) else ()
    return {
        "result": "failed",
        "changed": 0,
        "hosts": {},
        "exit_code": error.exit_code,
        "message": error.message,
        "hint": error.hint,
        "details": error.details,
        "problems": [dataclasses.asdict(problem) for problem in problems],
    }


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
