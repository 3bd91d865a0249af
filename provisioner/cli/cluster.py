"""The commands on a cluster, at the top level: plan, apply, verify, and the commands around them."""

from __future__ import annotations

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli import procedures, reading, verifying, version_lock, work
from provisioner.cli import status as statuses
from provisioner.cli.common import (
    OWN_OPTIONS_FIRST,
    InventoryOption,
    JsonOption,
    LimitOption,
    OnlyOption,
    SkipOption,
    UntestedOption,
    VerboseOption,
    find_inventory,
    frame,
    is_typed,
    known_host,
    load_cluster,
    reached,
)
from provisioner.cli.unlock import unlock as remove_lock
from provisioner.core.report import Note
from provisioner.engine.selection import Selection
from provisioner.inventory import loader
from provisioner.procedures.bring_up import BRING_UP
from provisioner.transports.openssh import ssh_argv
from provisioner.transports.user_config import way_to
from provisioner.verification.run import Scope
from provisioner.verification.walk import OUTSIDE_NAME, SAMPLE_ABOVE

CHANGES = 10


class VerifyPart(StrEnum):
    """What can be verified alone."""

    NETWORK = "network"


def register(app: typer.Typer) -> None:
    """Add the commands to the application, in the order in which the help shows them."""
    app.command(epilog="Example: provisioner plan -i inventory.yaml -v")(plan)
    app.command(epilog="Example: provisioner apply -i inventory.yaml --limit worker2")(apply)
    app.command(epilog="Example: provisioner verify network --html report.html")(verify)
    app.command(epilog="Example: provisioner lock -i inventory.yaml")(lock)
    app.command(epilog="Example: provisioner status")(status)
    app.command(epilog="Example: provisioner unlock")(unlock)
    app.command(epilog="Example: sudo $(provisioner token --ttl 2h), on the machine that joins")(token)
    app.command(epilog="Example: provisioner kubeconfig --merge")(kubeconfig)
    app.command(epilog="Example: provisioner ssh cp1 kubectl get nodes -o wide", context_settings=OWN_OPTIONS_FIRST)(
        ssh
    )
    example = "Example: provisioner run --limit workers -- systemctl is-active kubelet"
    app.command(epilog=example, context_settings=OWN_OPTIONS_FIRST)(run)
    app.command(epilog="Example: provisioner facts --json")(facts)
    app.command(epilog="Example: provisioner trust -i inventory.yaml")(trust)


def plan(
    inventory: InventoryOption = None,
    limit: LimitOption = "",
    only: OnlyOption = None,
    skip: SkipOption = None,
    allow_untested: UntestedOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the plan, for `apply FILE`.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 10 when something would change.")] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what apply would do. Nothing is changed."""
    with frame("plan", as_json=as_json, verbose=verbose) as told:
        selection = Selection(limit, tuple(only or ()), tuple(skip or ()))
        outcome = work.plan(load_cluster(inventory, told, untested=allow_untested), told, selection)
        told.show.plan(outcome.plan, verbose=verbose)
        work.stop_for_errors(outcome, told)
        if output:
            procedures.save(output, BRING_UP, outcome, selection, told)
        told.show.report(outcome.report)
        if not verbose and not as_json and any(step.change.diff for step in outcome.plan.steps):
            told.show.console.print("[dim]-v shows the diffs.[/]")
        if exit_code and outcome.plan.steps:
            raise typer.Exit(CHANGES)


def apply(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A plan that `plan -o` saved: apply exactly that.")] = None,
    inventory: InventoryOption = None,
    limit: LimitOption = "",
    only: OnlyOption = None,
    skip: SkipOption = None,
    allow_untested: UntestedOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the hosts to the desired state. Run it again at any time: it goes on, or finds nothing to do."""
    selection = Selection(limit, tuple(only or ()), tuple(skip or ()))
    with frame("apply", as_json=as_json, verbose=verbose) as told:
        if file:
            # A plan names its inventory: the one that the environment names is for commands without an inventory.
            named = inventory if is_typed(context, "inventory") else None
            outcome = work.apply_saved(file, named, told, selection)
        else:
            outcome = work.apply(load_cluster(inventory, told, untested=allow_untested), told, selection)
        told.show.report(outcome.report)


def verify(
    part: Annotated[VerifyPart | None, typer.Argument(help="`network`: test only the network.")] = None,
    inventory: InventoryOption = None,
    limit: LimitOption = "",
    junit: Annotated[Path | None, typer.Option(help="Write the results as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the results as a page, with all connections.")] = None,
    sample_above: Annotated[
        int, typer.Option(metavar="N", min=2, help="In a cluster of more nodes, each tests only some of the others.")
    ] = SAMPLE_ABOVE,
    outside_name: Annotated[
        str, typer.Option(metavar="NAME", help="An external name that pods must resolve if the hosts can.")
    ] = OUTSIDE_NAME,
    probe_image: Annotated[
        str, typer.Option(metavar="IMAGE", help="An image with busybox, instead of the inventory's `probe_image`.")
    ] = "",
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check that nothing is left to do, then check every host and the cluster with separate code."""
    with frame("verify", as_json=as_json, verbose=verbose) as told:
        suite = (f"--sample-above={sample_above}", f"--outside-name={outside_name}", f"--probe-image={probe_image}")
        scope = Scope(network=part is VerifyPart.NETWORK, junit=junit, suite=suite)
        told.show.report(verifying.verify(load_cluster(inventory, told), told, limit, scope, html=html))


def lock(
    inventory: InventoryOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 10 when a source has changed since.")
    ] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write exact versions, hashes and keys to a lock file, which plan and apply follow. Not related to `unlock`."""
    with frame("lock", as_json=as_json, verbose=verbose) as told:
        cluster = load_cluster(inventory, told)
        if not check:
            version_lock.write(cluster, told)
        elif not version_lock.check(cluster, told):
            raise typer.Exit(CHANGES)


def status(inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """Show every host: can it be reached, is it a node, is the node Ready; and the pods that do not run."""
    with frame("status", as_json=as_json) as told:
        statuses.status(load_cluster(inventory, told), told, as_json=as_json)


def unlock(
    inventory: InventoryOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, and also remove the run lock of a live run.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which run holds the run lock of the cluster, and remove the lock that a dead run has left."""
    with frame("unlock", as_json=as_json) as told:
        remove_lock(load_cluster(inventory, told), told, yes=yes, may_ask=sys.stdin.isatty() and not as_json)


def token(
    inventory: InventoryOption = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 30m, 2h, 24h.")] = "24h",
) -> None:
    """Create a join token and print the command that joins a machine with it."""
    with frame("token") as told:
        told.show.console.out(reading.join_command(load_cluster(inventory, told), told, ttl), highlight=False)


def kubeconfig(
    inventory: InventoryOption = None,
    merge: Annotated[bool, typer.Option("--merge", help="Merge into ~/.kube/config (or -o FILE).")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; `-` prints it.")] = None,
) -> None:
    """Fetch the administrator's kubeconfig; the file is readable only for you."""
    with frame("kubeconfig") as told:
        reading.kubeconfig(load_cluster(inventory, told), told, output, merge=merge)


def ssh(
    host: Annotated[str, typer.Argument(help="The host's name in the inventory.")],
    command: Annotated[list[str] | None, typer.Argument(help="A command to run there.")] = None,
    inventory: InventoryOption = None,
) -> None:
    """Open a shell on a host, with the inventory's key and host keys."""
    with frame("ssh") as told:
        cluster = reached(loader.load(find_inventory(inventory), untested=True), told)
        argv = ssh_argv(way_to(known_host(cluster, host), cluster.settings.ssh))
    os.execvp(argv[0], [*argv, *(command or [])])  # noqa: S606 - the user asked for this shell


def run(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    inventory: InventoryOption = None,
    limit: LimitOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run a command on all hosts, or on some, as root; fails when it fails on any host."""
    with frame("run", as_json=as_json) as told:
        text = command[0] if len(command) == 1 else shlex.join(command)
        reading.run_everywhere(load_cluster(inventory, told), told, limit, text)


def facts(inventory: InventoryOption = None, limit: LimitOption = "", as_json: JsonOption = False) -> None:
    """Show the facts of the hosts: system, kernel, processors, memory, disk, addresses."""
    with frame("facts", as_json=as_json) as told:
        reading.facts(load_cluster(inventory, told), told, limit, as_json=as_json)


def trust(
    inventory: InventoryOption = None,
    limit: LimitOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the network in between is trusted.")] = False,
) -> None:
    """Record the SSH host keys of the hosts, once: shows each fingerprint and asks."""
    with frame("trust") as told:
        cluster = load_cluster(inventory, told)
        for name, offer in reading.unknown_keys(cluster, limit):
            told(Note(f"{name}: {offer.shown}"))
            if yes or typer.confirm(f"Is that the key of {name}?"):
                offer.confirm()
                told(Note(f"{name}: written to {offer.path}"))
