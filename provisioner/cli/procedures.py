"""What all procedures have in common on the command line: `--plan` shows, `-o FILE` saves, and without `--yes` the plan
is shown and has to be confirmed.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli import work
from provisioner.cli.common import Frame
from provisioner.core.report import Note
from provisioner.engine import plan_file
from provisioner.engine.loop import Outcome
from provisioner.engine.selection import Selection
from provisioner.errors import UsageError
from provisioner.inventory.model import Cluster
from provisioner.plays.procedure import Procedure

PlanOption = Annotated[bool, typer.Option("--plan", help="Show what would be done, and change nothing.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Save the plan, for `apply FILE`; change nothing.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask: do what the plan shows.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options: only show the plan, save it, do not ask, show diffs, and which hosts and plays."""

    plan: bool = False
    output: Path | None = None
    yes: bool = False
    verbose: bool = False
    selection: Selection = field(default_factory=Selection)


def run(procedure: Procedure, cluster: Cluster, told: Frame, asked: Asked) -> Outcome:
    """Show the plan; unless only that was asked for, do it after it was agreed to. Shows no report."""
    outcome = work.plan(cluster, told, asked.selection, procedure)
    told.show.plan(outcome.plan, verbose=asked.verbose)
    work.stop_for_errors(outcome, told)
    if asked.output:
        save(asked.output, procedure, outcome, asked.selection, told)
    elif outcome.plan.steps and not asked.plan:
        require_agreed(procedure, cluster, yes=asked.yes, may_ask=work.is_interactive(told))
        outcome = work.apply(cluster, told, asked.selection, procedure=procedure)
    return outcome


def save(path: Path, procedure: Procedure, outcome: Outcome, selection: Selection, told: Frame) -> None:
    """Write the plan down, and say how it is applied."""
    saved = plan_file.of(outcome.plan, outcome.view, procedure, selection)
    plan_file.save(path, saved)
    told(Note(f"saved for {saved.subject}; to apply it: provisioner apply {shlex.quote(str(path))}"))


def require_agreed(procedure: Procedure, cluster: Cluster, *, yes: bool, may_ask: bool) -> None:
    """UsageError when the procedure has to be confirmed, and was not; without a quorum, by the cluster's name."""
    if not procedure.confirm or yes or (may_ask and _is_confirmed(procedure, cluster.settings.name)):
        return
    raise UsageError("nothing was changed", hint="--yes agrees in advance, --plan only shows what would be done.")


def _is_confirmed(procedure: Procedure, name: str) -> bool:
    if procedure.needs_quorum:
        return typer.confirm(f"{procedure.confirm} Continue?")
    return bool(typer.prompt(f"{procedure.confirm} To continue, type the cluster's name ({name})") == name)
