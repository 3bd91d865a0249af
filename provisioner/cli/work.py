"""Plan, apply and verify as the commands run them: with a kubeconfig brought home and errors told host by host."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import typer

from provisioner import engine, kubeconfig
from provisioner.cli.common import Frame
from provisioner.core.report import Note, PhaseBegan, Report
from provisioner.derived import skipped
from provisioner.engine import Outcome
from provisioner.errors import Problem, UsageError, VerificationError
from provisioner.inventory.model import Cluster
from provisioner.session import Session, open_session
from provisioner.verification.run import verify as verify_by_testinfra


def plan(cluster: Cluster, told: Frame, limit: str) -> Outcome:
    """Look and compare; nothing is changed."""
    with open_session(cluster, told, limit) as session:
        return _with_skipped(engine.plan(session.run, session.view))


def apply(cluster: Cluster, told: Frame, limit: str = "") -> Outcome:
    """Make it so and bring the kubeconfig home. A run that did not come to its end is reported, and exits."""
    with open_session(cluster, told, limit) as session:
        outcome = _with_skipped(engine.apply(session.run, session.view, session))
        if outcome.report.result == "ok":
            _bring_home(session, outcome, told)
    told.show.close()
    told.log.write(f"report: {outcome.report}")
    if outcome.report.result == "interrupted":
        told.show.report(outcome.report)
        raise KeyboardInterrupt
    stop_for_errors(outcome, told)
    return outcome


def stop_for_errors(outcome: Outcome, told: Frame) -> None:
    """When hosts failed, show why, then the report, and exit with the first error's code."""
    if not outcome.errors:
        return
    for error in outcome.errors.values():
        told.fail(error)
    told.show.report(outcome.report)
    raise typer.Exit(next(iter(outcome.errors.values())).exit_code)


def verify(cluster: Cluster, told: Frame, limit: str = "", junit: Path | None = None) -> Report:
    """The plan is empty, and the testinfra suite and its probes pass. What is not so is shown, and exits with 6."""
    began_s = time.monotonic()
    told(PhaseBegan("is anything left to do?"))
    with open_session(cluster, told, limit) as session:
        outcome = _with_skipped(engine.plan(session.run, session.view))
    stop_for_errors(outcome, told)
    left = tuple(
        Problem("plan-not-empty", step.host, f"would {step.change.summary}", "`provisioner apply` does it.")
        for step in outcome.plan.steps
    )
    names = frozenset(outcome.view.limit) if limit else None
    found = verify_by_testinfra(cluster, told, limit=names, junit=junit)
    problems = (*left, *found.failed)
    seconds = round(time.monotonic() - began_s, 3)
    result = "failed" if problems else "ok"
    not_done = tuple(dict.fromkeys((*outcome.report.skipped, *found.skipped)))
    report = dataclasses.replace(
        outcome.report, result=result, changed=0, problems=problems, skipped=not_done, seconds=seconds
    )
    if problems:
        told.fail(VerificationError(f"{len(problems)} finding(s); {found.passed} checks passed", problems))
        told.show.report(report)
        raise typer.Exit(VerificationError.exit_code)
    told(Note(f"verified: {found.passed} checks passed, and nothing is left to do"))
    return report


def _with_skipped(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, report=dataclasses.replace(outcome.report, skipped=skipped(outcome.view)))


def _bring_home(session: Session, outcome: Outcome, told: Frame) -> None:
    """Write the kubeconfig for the user at home, unless the file there is this cluster's already."""
    view = outcome.view
    path = kubeconfig.default_path(session.cluster)
    if view.live is None or kubeconfig.is_current(path, view.live.ca_certificate):
        return
    text = kubeconfig.fetch(session.run.fleet.transports[view.leader.name], view.leader.name)
    try:
        kubeconfig.save(path, text, session.cluster.settings.name, merge=False)
        told(Note(f"kubeconfig: {path}"))
    except UsageError as error:
        told(Note(f"{error.message}; `provisioner kubeconfig --merge` or `-o FILE` writes it elsewhere"))
