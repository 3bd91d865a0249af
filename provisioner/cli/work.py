"""Plan and apply as the commands run them: they also fetch the kubeconfig and show errors host by host."""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from pathlib import Path

import typer

from provisioner import kubeconfig, procedures
from provisioner.cli.common import Frame, load_cluster
from provisioner.core.names import some
from provisioner.core.plan import Plan, done_already
from provisioner.core.report import Found, Note
from provisioner.core.untrusted import visible
from provisioner.engine import loop, plan_file
from provisioner.engine.holders import at_work
from provisioner.engine.loop import Outcome
from provisioner.engine.plan_file import PlanFile
from provisioner.engine.selection import Selection
from provisioner.engine.session import Session, find_bundle, open_session
from provisioner.errors import Problem, ProvisionerError, Severity, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.sources import is_program
from provisioner.output.console import Human
from provisioner.output.wording import together
from provisioner.plays.procedure import Procedure
from provisioner.procedures.bring_up import BRING_UP
from provisioner.runtimes.crictl import left_out
from provisioner.world.derived import skipped

_ALL = Selection()


def plan(cluster: Cluster, told: Frame, selection: Selection, procedure: Procedure = BRING_UP) -> Outcome:
    """Look and compare; nothing is changed."""
    with open_session(cluster, told, selection, procedure) as session:
        outcome = _with_skipped(loop.plan(session.run, session.view))
    if warning := at_work(outcome.view.observed.lock):
        told(Found(warning))
    return outcome


def apply_saved(path: Path, inventory: Path | None, told: Frame, selection: Selection) -> Outcome:
    """Apply exactly a saved plan, with its own inventory unless another one is named."""
    if selection != _ALL:
        hint = "Give --limit, --only and --skip to `provisioner plan -o FILE`, and review the new plan."
        raise UsageError(f"{path}: --limit, --only and --skip cannot change a saved plan", hint=hint)
    saved = plan_file.load(path)
    cluster = load_cluster(inventory or _recorded(path, Path(saved.inventory)), told)
    told(Note(f"{path}: the plan of {saved.made:%Y-%m-%d %H:%M} UTC for {saved.subject}"))
    procedure = _procedure(path, saved)
    aimed = procedure.aimed(cluster)
    plan_file.require_unchanged(saved, aimed, find_bundle(aimed) if procedure.needs_bundle else None)
    return apply(cluster, told, saved.selection, saved, procedure)


def _procedure(path: Path, saved: PlanFile) -> Procedure:
    try:
        return procedures.named(saved.procedure, saved.target)
    except KeyError:
        known = ", ".join(procedure.name for procedure in procedures.PROCEDURES)
        raise UsageError(
            f"{path}: there is no procedure {visible(saved.procedure)}", hint=f"The procedures are: {known}."
        ) from None


def _recorded(path: Path, inventory: Path) -> Path:
    """The inventory that a plan names. One that may run a program is used only when the user names it."""
    if inventory.is_dir() or is_program(inventory):
        raise UsageError(
            f"{path}: its inventory {inventory} is a program or a directory, and may run something",
            hint=f"Name it yourself: -i {inventory}",
        )
    return inventory


def apply(
    cluster: Cluster,
    told: Frame,
    selection: Selection = _ALL,
    saved: PlanFile | None = None,
    procedure: Procedure = BRING_UP,
) -> Outcome:
    """Apply, and save the kubeconfig on this machine. A run that did not finish is reported, and exits."""
    with open_session(cluster, told, selection, procedure) as session:
        outcome = _with_skipped(_applied(session, saved))
        if saved:
            _tell_done_already(saved.plan, outcome, told)
        if outcome.report.result == "ok" and procedure.name == BRING_UP.name:
            outcome = _bring_home(session, outcome, told)
    told.show.close()
    told.log.write(f"report: {outcome.report}")
    if outcome.report.result == "interrupted":
        told.show.report(outcome.report)
        raise KeyboardInterrupt
    stop_for_errors(outcome, told)
    return outcome


def _applied(session: Session, saved: PlanFile | None) -> Outcome:
    if saved is None:
        return loop.apply(session.run, session.view, session, None)
    rules = partial(plan_file.same_cluster, saved, session.run.procedure.rules)
    run = dataclasses.replace(session.run, procedure=dataclasses.replace(session.run.procedure, rules=rules))
    return loop.apply(run, session.view, session, saved.plan)


def is_interactive(told: Frame) -> bool:
    """Whether a question can be asked: by people, on a terminal."""
    return isinstance(told.show, Human) and sys.stdin.isatty()


def stop_for_errors(outcome: Outcome, told: Frame) -> None:
    """When hosts failed, show why, then the report, and exit with the first error's code."""
    if not outcome.errors:
        return
    for error in together(outcome.errors):
        told.fail(error)
    told.show.report(outcome.report)
    raise typer.Exit(next(iter(outcome.errors.values())).exit_code)


def _with_skipped(outcome: Outcome) -> Outcome:
    every = (*outcome.report.skipped, *skipped(outcome.view), *left_out(outcome.view))
    return dataclasses.replace(outcome, report=dataclasses.replace(outcome.report, skipped=every))


def _tell_done_already(agreed: Plan, outcome: Outcome, told: Frame) -> None:
    done = [step for step in done_already(agreed, outcome.plan) if step.subject not in outcome.errors]
    if not agreed.steps:
        told(Note("the plan is empty"))
    elif done:
        hosts = some(dict.fromkeys(step.subject for step in done))
        told(Note(f"{len(done)} of the plan's {len(agreed.steps)} step(s) were done already, on {hosts}"))


def _bring_home(session: Session, outcome: Outcome, told: Frame) -> Outcome:
    """Save the kubeconfig in the user's home directory, unless the file there gives access to this cluster already.

    A file that cannot be replaced is only a warning, since the cluster exists. A control plane that does not answer
    now, or whose kubeconfig is not what kubeadm writes, has failed.
    """
    view = outcome.view
    leader = view.leader.name
    try:
        path = kubeconfig.default_path(session.cluster)
        if view.observed.live is None or kubeconfig.is_current(path, view):
            return outcome
        given = kubeconfig.fetch(session.run.fleet.transports[leader], view)
        if kubeconfig.save(path, given, session.cluster.settings.name, merge=False):
            told(Note(f"kubeconfig: {path}"))
    except UsageError as error:
        message = "; ".join((f"the kubeconfig was not written: {error.message}", *error.details.splitlines()))
        hint = f"{error.hint} `provisioner kubeconfig` writes it later."
        told(Found(Problem("kubeconfig", "", message, hint, Severity.WARNING)))
    except ProvisionerError as error:
        report = dataclasses.replace(outcome.report, result="failed")
        return dataclasses.replace(outcome, report=report, errors={**outcome.errors, leader: error})
    return outcome
