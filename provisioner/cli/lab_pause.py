"""`provisioner lab halt, resume, snapshot, restore, prepare`: the commands between `up` and `down`."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli.common import Frame, JsonOption, frame, reached
from provisioner.cli.lab_choice import Choice, LabInventoryOption, NameOption, choose, vagrant_cluster
from provisioner.cli.lab_health import wait_until_healthy
from provisioner.core.report import Note
from provisioner.errors import LabError
from provisioner.inventory import loader
from provisioner.inventory.model import Cluster

SnapshotArgument = Annotated[str, typer.Argument(help="The snapshot's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: provisioner lab prepare -i inventories/vagrant.yaml")(prepare)
    app.command(epilog="Example: provisioner lab halt")(halt)
    app.command(epilog="Example: provisioner lab resume")(resume)
    app.command(epilog="Example: provisioner lab snapshot fresh -i inventories/vagrant.yaml")(snapshot)
    app.command(epilog="Example: provisioner lab restore fresh -i inventories/vagrant.yaml")(restore)


def prepare(
    context: typer.Context, name: NameOption = "lab", inventory: LabInventoryOption = None, as_json: JsonOption = False
) -> None:
    """Check that `vagrant up` can work here, and get what it needs: Vagrant, the provider, docker's node image."""
    from provisioner.labs.vagrant import driver  # noqa: PLC0415

    with frame("lab prepare", as_json=as_json) as told:
        cluster = vagrant_cluster(choose(context, name, inventory, told))
        environment = driver.prepare(cluster, told)
        told(Note(f"ready: {len(cluster.hosts)} machines with {environment.provider}; `vagrant up` creates them"))


def halt(
    context: typer.Context, name: NameOption = "lab", inventory: LabInventoryOption = None, as_json: JsonOption = False
) -> None:
    """Shut the machines down; they stay as they are, until `lab resume`."""
    from provisioner.labs import container  # noqa: PLC0415
    from provisioner.labs.vagrant import driver  # noqa: PLC0415

    with frame("lab halt", as_json=as_json) as told:
        choice = choose(context, name, inventory, told)
        if choice.cluster:
            driver.halt(choice.cluster, told)
        else:
            container.halt(choice.name, told)


def resume(
    context: typer.Context, name: NameOption = "lab", inventory: LabInventoryOption = None, as_json: JsonOption = False
) -> None:
    """Start halted machines again, and wait until clocks are right and the cluster is healthy."""
    from provisioner.labs import container  # noqa: PLC0415
    from provisioner.labs.vagrant import driver  # noqa: PLC0415

    with frame("lab resume", as_json=as_json) as told:
        choice = choose(context, name, inventory, told)
        if choice.cluster:
            driver.up(choice.cluster, told)
            wait_until_healthy(reached(choice.cluster, told), told)
        else:
            wait_until_healthy(loader.load(container.resume(choice.name, told).inventory, untested=True), told)


def snapshot(
    context: typer.Context,
    snapshot: SnapshotArgument,
    name: NameOption = "lab",
    inventory: LabInventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a snapshot of Vagrant's machines under a name. Containers have no snapshots: use `lab halt`."""
    with frame("lab snapshot", as_json=as_json) as told:
        _with_snapshots(choose(context, name, inventory, told), snapshot, told)


def restore(
    context: typer.Context,
    snapshot: SnapshotArgument,
    name: NameOption = "lab",
    inventory: LabInventoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore Vagrant's machines from a snapshot, and wait until clocks are right and the cluster is healthy."""
    with frame("lab restore", as_json=as_json) as told:
        cluster = _with_snapshots(choose(context, name, inventory, told), snapshot, told, back=True)
        wait_until_healthy(reached(cluster, told), told)


def _with_snapshots(choice: Choice, snapshot: str, told: Frame, *, back: bool = False) -> Cluster:
    from provisioner.labs.vagrant import driver  # noqa: PLC0415

    if choice.cluster is None:
        raise LabError(driver.NO_SNAPSHOTS, hint=driver.KEPT_BY_HALT)
    (driver.restore if back else driver.snapshot)(choice.cluster, snapshot, told)
    return choice.cluster
