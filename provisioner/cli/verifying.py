"""Verify as the command runs it: with an empty plan first, unless only a part is asked for; and its reports."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import typer

from provisioner.cli import work
from provisioner.cli.common import Frame
from provisioner.core.report import Found, HostReport, Note, PhaseBegan, Report
from provisioner.engine.selection import Selection
from provisioner.engine.session import limited_to as find_hosts
from provisioner.errors import Problem, Severity, VerificationError
from provisioner.inventory.model import Cluster
from provisioner.output.console import Human
from provisioner.verification import page
from provisioner.verification.run import EVERYTHING, Scope, VerificationResult, require_writable
from provisioner.verification.run import verify as verify_by_testinfra


def verify(
    cluster: Cluster, told: Frame, limit: str = "", scope: Scope = EVERYTHING, html: Path | None = None
) -> Report:
    """Check that the plan is empty, and that the testinfra suite and its probes pass. Failures exit with 6."""
    began_s = time.monotonic()
    require_writable(html)
    chosen = find_hosts(cluster, limit) if limit else None
    scope = dataclasses.replace(scope, limit=chosen)
    before = _only_looked_at(cluster, scope) if scope.network else _nothing_left(cluster, told, limit)
    found = verify_by_testinfra(cluster, told, scope)
    problems = (*before.problems, *found.failed)
    report = dataclasses.replace(
        before,
        result="failed" if problems else "ok",
        problems=problems,
        skipped=tuple(dict.fromkeys((*before.skipped, *found.skipped))),
        seconds=round(time.monotonic() - began_s, 3),
    )
    if html:
        _write_page(html, cluster.settings.name, report, found, told)
    _tell(report, found, told)
    return report


def _write_page(path: Path, name: str, report: Report, found: VerificationResult, told: Frame) -> None:
    """A page that cannot be written is only a warning: the findings are shown in any case."""
    try:
        page.write(path, name, report, found.reaches)
    except OSError as error:
        message = f"the page was not written: {error.strerror}"
        told(Found(Problem("page", str(path), message, "Name another file: --html FILE.", Severity.WARNING)))


def _nothing_left(cluster: Cluster, told: Frame, limit: str) -> Report:
    """A report with a problem for each step that `apply` would do."""
    told(PhaseBegan("is anything left to do?"))
    outcome = work.plan(cluster, told, Selection(limit))
    work.stop_for_errors(outcome, told)
    left = tuple(
        Problem("plan-not-empty", step.subject, f"would {step.change.summary}", "`provisioner apply` does it.")
        for step in outcome.plan.steps
    )
    return dataclasses.replace(outcome.report, changed=0, problems=left)


def _only_looked_at(cluster: Cluster, scope: Scope) -> Report:
    names = (host.name for host in cluster.hosts if scope.limit is None or host.name in scope.limit)
    return Report("ok", 0, {name: HostReport() for name in names}, part="network")


def _tell(report: Report, found: VerificationResult, told: Frame) -> None:
    """Failures end the command; without failures, one line says what has passed."""
    if report.problems:
        told.fail(
            VerificationError(f"{len(report.problems)} finding(s); {found.passed} checks passed", report.problems)
        )
        told.show.report(report)
        raise typer.Exit(VerificationError.exit_code)
    if report.part and isinstance(told.show, Human):
        told.show.network(found.reaches)
    more = "" if report.part else ", and nothing is left to do"
    told(Note(f"verified: {found.passed} checks passed{more}"))
