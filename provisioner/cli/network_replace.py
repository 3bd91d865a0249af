"""`provisioner network replace`: another network plug-in for a running cluster."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from provisioner import preflight
from provisioner.cli.common import (
    Frame,
    InventoryOption,
    JsonOption,
    UntestedOption,
    VerboseOption,
    frame,
    load_cluster,
)
from provisioner.cli.work import stop_for_errors
from provisioner.core.report import Note
from provisioner.engine import loop
from provisioner.engine.loop import Outcome
from provisioner.engine.session import Session, open_session
from provisioner.errors import UsageError
from provisioner.inventory.model import Cluster
from provisioner.plays.playbooks import REPLACE_NETWORK

NAME = "network replace"


def replace(
    inventory: InventoryOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and change nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: pods are evicted, without network meanwhile.")
    ] = False,
    allow_untested: UntestedOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace the network plug-in with the inventory's: drain the nodes, remove the old one, install the new one."""
    with frame(NAME, as_json=as_json, verbose=verbose) as told:
        cluster = load_cluster(inventory, told, untested=allow_untested)
        outcome = _planned(cluster, told)
        told.show.plan(outcome.plan, verbose=verbose)
        stop_for_errors(outcome, told)
        if not plan and outcome.plan.steps:
            _require_agreed(yes=yes, may_ask=not as_json and sys.stdin.isatty())
            outcome = _applied(cluster, told)
        elif not outcome.plan.steps:
            told(Note(f"the cluster's network is {cluster.settings.network.type}: there is nothing to replace"))
        told.show.report(outcome.report)


def _planned(cluster: Cluster, told: Frame) -> Outcome:
    with _session(cluster, told) as session:
        return loop.plan(session.run, session.view)


def _session(cluster: Cluster, told: Frame) -> AbstractContextManager[Session]:
    return open_session(cluster, told, playbook=REPLACE_NETWORK, rules=preflight.replacing_rules, doing=NAME)


def _applied(cluster: Cluster, told: Frame) -> Outcome:
    with _session(cluster, told) as session:
        outcome = loop.apply(session.run, session.view, session)
    if outcome.report.result == "interrupted":
        told.show.report(outcome.report)
        raise KeyboardInterrupt
    stop_for_errors(outcome, told)
    return outcome


def _require_agreed(*, yes: bool, may_ask: bool) -> None:
    question = "Pods are evicted, and cannot reach each other until the new network is installed. Continue?"
    if yes or (may_ask and typer.confirm(question)):
        return
    raise UsageError("nothing was changed", hint="--yes agrees in advance, --plan only shows what would be done.")
