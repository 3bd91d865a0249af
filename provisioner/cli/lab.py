"""`provisioner lab`: machines to play on, and the cluster on them, with one command.

The commands import the container lab themselves: Docker's client would cost every other command 0.1 s of its start.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli import work
from provisioner.cli.common import OWN_OPTIONS_FIRST, Frame, JsonOption, VerboseOption, frame
from provisioner.cli.lab_bundle import have_bundle
from provisioner.console import Human, table
from provisioner.core.report import Note, PhaseBegan
from provisioner.engine import Outcome
from provisioner.inventory import loader
from provisioner.inventory.model import Cluster
from provisioner.kubeconfig import default_path
from provisioner.labs import state
from provisioner.labs.spec import KUBERNETES_VERSION, LabSpec, Machine

app = typer.Typer(help="Machines to play on: containers that behave like servers.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option("--name", help="The lab's name; several can be up side by side.")]
# Written when a verification has passed, with the time; a run that changes something removes it.
VERIFIED = "verified"


@app.command(epilog="Example: provisioner lab up --workers 3")
def up(
    name: NameOption = "lab",
    control_planes: Annotated[int, typer.Option(min=1, help="How many control planes.")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="How many workers.")] = 2,
    release: Annotated[str, typer.Option(help="The machines' release of Debian or Ubuntu.")] = "bookworm",
    kubernetes: Annotated[str, typer.Option(help=f"The version of Kubernetes. (default: {KUBERNETES_VERSION})")] = "",
    memory_mib: Annotated[int | None, typer.Option(help="Memory of each machine. (default: what the host has)")] = None,
    cpus: Annotated[float | None, typer.Option(help="Processors of each machine. (default: what the host has)")] = None,
    nat: Annotated[
        bool, typer.Option("--nat", help="A first interface that is the same on all, as VirtualBox's.")
    ] = False,
    mtu: Annotated[int | None, typer.Option(help="Largest packet of the machines' network. (default: 1500)")] = None,
    mirror: Annotated[str, typer.Option(help="Address of a Debian mirror. (default: this machine's own)")] = "",
    machines_only: Annotated[bool, typer.Option("--machines-only", help="No cluster, only machines.")] = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make machines, bring up a real cluster on them, verify it. Run again, it goes on or finds nothing to do."""
    from provisioner.labs import container  # noqa: PLC0415

    spec = LabSpec(name, control_planes, workers, release, memory_mib=memory_mib, cpus=cpus, kubernetes=kubernetes)
    spec = replace(spec, ssh_port=container.default_ssh_port(), nat=nat, mtu=mtu)
    with frame("lab up", as_json=as_json, verbose=verbose) as told:
        told(PhaseBegan("machines"))
        lab = container.up(spec, told)
        if machines_only:
            told(Note(f"inventory: {lab.inventory}"))
            return
        told(PhaseBegan("offline bundle"))
        cluster = loader.load(lab.inventory)
        have_bundle(cluster, release, told, mirror)
        _bring_up(cluster, told, state.directory(name) / VERIFIED)


def _bring_up(cluster: Cluster, told: Frame, verified: Path) -> None:
    outcome = work.apply(cluster, told)
    if outcome.report.changed:
        verified.unlink(missing_ok=True)
    if verified.exists():
        moment = verified.read_text().strip()
        told(Note(f"nothing changed since {moment}, when it was verified; `provisioner verify` looks again"))
    else:
        work.verify(cluster, told)
        verified.write_text(time.strftime("%Y-%m-%d %H:%M:%S") + "\n")
    told.show.report(outcome.report)
    if isinstance(told.show, Human):
        _farewell(cluster, outcome, told)


def program(argv0: str, directory: Path) -> str:
    """How one calls this program from `directory`: by its path where it lies below, as after `make up`."""
    path = Path(argv0).absolute()
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else "provisioner"


def _farewell(cluster: Cluster, outcome: Outcome, told: Frame) -> None:
    """What one wants to know now: the nodes, the kubeconfig, what to try, how to take it down."""
    live = outcome.view.live
    path = default_path(cluster)
    name = cluster.path.parent.name
    flag = "" if name == "lab" else f" --name {name}"
    if live and isinstance(told.show, Human):
        rows = (
            (node.name, "Ready" if node.ready else "NotReady", node.version, node.internal_ip, node.pod_cidr)
            for node in live.nodes.values()
        )
        told.show.console.print(table(("node", "state", "version", "address", "pods"), rows))
    worker = cluster.workers[0].name if cluster.workers else cluster.hosts[0].name
    call = program(sys.argv[0], Path.cwd())
    told(Note(
        f"kubeconfig  {path}\n"
        f"try         {call} status\n"
        f"            {call} ssh {cluster.control_planes[0].name} kubectl get pods -A -o wide\n"
        f"            {call} run --limit {worker} -- docker ps\n"
        f"take down   {f'{call} lab down{flag}' if flag else 'make down'}"
    ))  # fmt: skip


@app.command(epilog="Example: provisioner lab down")
def down(name: NameOption = "lab", as_json: JsonOption = False) -> None:
    """Remove the lab: machines, network, volumes, keys. The image and the bundle stay, as a cache."""
    from provisioner.labs import container  # noqa: PLC0415

    with frame("lab down", as_json=as_json) as told:
        container.down(name, told)


@app.command(epilog="Example: provisioner lab status")
def status(as_json: JsonOption = False) -> None:
    """Show the labs and their machines."""
    from provisioner.labs import container  # noqa: PLC0415

    with frame("lab status", as_json=as_json) as told:
        rows = [(name, *_row(machine)) for name in state.names() for machine in container.status(name)]
        if as_json or not rows:
            for row in rows:
                told(Note(" ".join(row)))
            if not rows:
                told(Note("no lab is up; `provisioner lab up` makes one"))
            return
        told.show.console.print(table(("lab", "machine", "role", "address", "ssh", "state"), rows))


def _row(machine: Machine) -> tuple[str, ...]:
    ssh = f"{machine.ssh_host}:{machine.ssh_port}"
    return (machine.name, machine.role.value, str(machine.address), ssh, machine.state)


@app.command(epilog="Example: provisioner lab ssh w1", context_settings=OWN_OPTIONS_FIRST)
def ssh(
    machine: Annotated[str, typer.Argument(help="The machine's name.")],
    command: Annotated[list[str] | None, typer.Argument(help="A command to run there.")] = None,
    name: NameOption = "lab",
) -> None:
    """Open a shell on a machine of the lab."""
    from provisioner.labs import container  # noqa: PLC0415

    with frame("lab ssh"):
        argv = container.ssh_command(name, machine)
    os.execvp(argv[0], [*argv, *(command or [])])  # noqa: S606 - the user asked for this shell


@app.command(epilog="Example: provisioner lab inventory >inventory.yaml")
def inventory(name: NameOption = "lab") -> None:
    """Print the lab's inventory."""
    from provisioner.labs import container  # noqa: PLC0415

    with frame("lab inventory") as told:
        told.show.console.out(container.inventory(name).rstrip(), highlight=False)
