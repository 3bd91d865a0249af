"""`provisioner lab`: test machines, and a cluster on them, with one command.

The commands import the container lab themselves: Docker's client would cost every other command 0.1 s of its start.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli import lab_pause, verifying, work
from provisioner.cli.common import OWN_OPTIONS_FIRST, Frame, JsonOption, VerboseOption, frame, known_host, reached
from provisioner.cli.lab_bundle import have_bundle
from provisioner.cli.lab_choice import (
    Driver,
    LabInventoryOption,
    NameOption,
    choose,
    refuse_sizes,
    release_of,
    vagrant_cluster,
)
from provisioner.cli.lab_farewell import farewell
from provisioner.core.report import Note, PhaseBegan
from provisioner.inventory import loader
from provisioner.inventory.model import Cluster
from provisioner.labs import state
from provisioner.labs.spec import KUBERNETES_VERSION, LabSpec, Machine
from provisioner.output.console import Human
from provisioner.output.tables import table
from provisioner.paths import write_atomic
from provisioner.transports.openssh import ssh_argv
from provisioner.transports.user_config import way_to

app = typer.Typer(
    help="Test machines: containers that behave like servers, or virtual machines made by Vagrant.",
    no_args_is_help=True,
)

# Written when a verification has passed, with the time; a run that changes something removes it.
VERIFIED = "verified"


@app.command(epilog="Example: provisioner lab up --workers 3")
def up(
    context: typer.Context,
    name: NameOption = "lab",
    control_planes: Annotated[int, typer.Option(min=1, help="How many control planes.")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="How many workers.")] = 2,
    release: Annotated[str, typer.Option(help="The machines' release of Debian or Ubuntu.")] = "bookworm",
    kubernetes: Annotated[str, typer.Option(help=f"The version of Kubernetes. (default: {KUBERNETES_VERSION})")] = "",
    memory_mib: Annotated[int | None, typer.Option(help="Memory of each machine. (default: this machine's)")] = None,
    cpus: Annotated[float | None, typer.Option(help="Processors of each machine. (default: this machine's)")] = None,
    nat: Annotated[
        bool, typer.Option("--nat", help="A first interface with the same address on all machines, as VirtualBox's.")
    ] = False,
    mtu: Annotated[int | None, typer.Option(help="MTU of the machines' network. (default: 1500)")] = None,
    mirror: Annotated[str, typer.Option(help="Address of a Debian mirror. (default: this machine's own)")] = "",
    machines_only: Annotated[bool, typer.Option("--machines-only", help="Create only the machines.")] = False,
    driver: Annotated[Driver, typer.Option(help="What creates the machines.")] = Driver.CONTAINER,
    inventory: LabInventoryOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create machines, bring up a real cluster on them, verify it. Run it again: it goes on, or finds nothing to do."""
    with frame("lab up", as_json=as_json, verbose=verbose) as told:
        if driver is Driver.VAGRANT or inventory is not None:
            refuse_sizes(context)
            cluster = vagrant_cluster(choose(context, name, inventory, told))
            _up_vagrant(cluster, told, mirror, machines_only=machines_only)
            return
        spec = LabSpec(name, control_planes, workers, release, memory_mib=memory_mib, cpus=cpus, kubernetes=kubernetes)
        _up_containers(replace(spec, nat=nat, mtu=mtu), told, mirror, machines_only=machines_only)


def _up_containers(spec: LabSpec, told: Frame, mirror: str, *, machines_only: bool) -> None:
    from provisioner.labs import container  # noqa: PLC0415

    told(PhaseBegan("machines"))
    lab = container.up(replace(spec, ssh_port=container.default_ssh_port()), told)
    if machines_only:
        told(Note(f"inventory: {lab.inventory}"))
        return
    told(PhaseBegan("offline bundle"))
    cluster = loader.load(lab.inventory)
    have_bundle(cluster, spec.release, told, mirror)
    _bring_up(cluster, told, state.directory(spec.name) / VERIFIED)


def _up_vagrant(cluster: Cluster, told: Frame, mirror: str, *, machines_only: bool) -> None:
    from provisioner.labs.vagrant import driver, program  # noqa: PLC0415

    told(PhaseBegan("machines"))
    driver.up(cluster, told)
    if machines_only:
        told(Note(f"inventory: {cluster.path}"))
        return
    told(PhaseBegan("offline bundle"))
    have_bundle(cluster, release_of(cluster), told, mirror)
    _bring_up(reached(cluster, told), told, program.find(cluster).state / VERIFIED)


def _bring_up(cluster: Cluster, told: Frame, verified: Path) -> None:
    outcome = work.apply(cluster, told)
    if outcome.report.changed:
        verified.unlink(missing_ok=True)
    if verified.exists():
        moment = verified.read_text().strip()
        told(Note(f"nothing has changed since the verification at {moment}; `provisioner verify` checks again"))
    else:
        verifying.verify(cluster, told)
        write_atomic(verified, time.strftime("%Y-%m-%d %H:%M:%S") + "\n")
    told.show.report(outcome.report)
    if isinstance(told.show, Human):
        farewell(cluster, outcome, told)


@app.command(epilog="Example: provisioner lab down")
def down(
    context: typer.Context, name: NameOption = "lab", inventory: LabInventoryOption = None, as_json: JsonOption = False
) -> None:
    """Remove the lab: machines, network, volumes, keys. Images, boxes and the bundle stay, as a cache."""
    with frame("lab down", as_json=as_json) as told:
        choice = choose(context, name, inventory, told)
        if choice.cluster:
            from provisioner.labs.vagrant import driver  # noqa: PLC0415

            driver.down(choice.cluster, told)
        else:
            from provisioner.labs import container  # noqa: PLC0415

            container.down(choice.name, told)


@app.command(epilog="Example: provisioner lab status")
def status(context: typer.Context, inventory: LabInventoryOption = None, as_json: JsonOption = False) -> None:
    """Show the labs and their machines."""
    with frame("lab status", as_json=as_json) as told:
        choice = choose(context, "", inventory, told)
        rows = _vagrant_rows(choice.cluster) if choice.cluster else []
        rows += [(name, *_row(machine)) for name in state.names() for machine in _container_status(name)]
        if as_json or not rows:
            for row in rows:
                told(Note(" ".join(row)))
            if not rows:
                told(Note("no lab is up; `provisioner lab up` creates one"))
            return
        told.show.console.print(table(("lab", "machine", "role", "address", "ssh", "state"), rows))


def _container_status(name: str) -> tuple[Machine, ...]:
    from provisioner.labs import container  # noqa: PLC0415

    return container.status(name)


def _vagrant_rows(cluster: Cluster) -> list[tuple[str, ...]]:
    from provisioner.labs.vagrant import driver  # noqa: PLC0415

    states, name = driver.states(cluster), cluster.settings.name
    return [
        (name, host.name, host.role.value, str(host.node_ip), "by Vagrant", states.get(host.name, "unknown"))
        for host in cluster.hosts
    ]


def _row(machine: Machine) -> tuple[str, ...]:
    ssh = f"{machine.ssh_host}:{machine.ssh_port}"
    return (machine.name, machine.role.value, str(machine.address), ssh, machine.state)


@app.command(epilog="Example: provisioner lab ssh w1", context_settings=OWN_OPTIONS_FIRST)
def ssh(
    context: typer.Context,
    machine: Annotated[str, typer.Argument(help="The machine's name.")],
    command: Annotated[list[str] | None, typer.Argument(help="A command to run there.")] = None,
    name: NameOption = "lab",
    inventory: LabInventoryOption = None,
) -> None:
    """Open a shell on a machine of the lab."""
    with frame("lab ssh") as told:
        choice = choose(context, name, inventory, told)
        if choice.cluster:
            cluster = reached(choice.cluster, told)
            argv = ssh_argv(way_to(known_host(cluster, machine), cluster.settings.ssh))
        else:
            from provisioner.labs import container  # noqa: PLC0415

            argv = container.ssh_command(choice.name, machine)
    os.execvp(argv[0], [*argv, *(command or [])])  # noqa: S606 - the user asked for this shell


@app.command(epilog="Example: provisioner lab inventory >inventory.yaml")
def inventory(name: NameOption = "lab") -> None:
    """Print the inventory of a lab of containers."""
    from provisioner.labs import container  # noqa: PLC0415

    with frame("lab inventory") as told:
        told.show.console.out(container.inventory(name).rstrip(), highlight=False)


lab_pause.register(app)
