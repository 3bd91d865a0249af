"""Which lab a `lab` command is about: containers, by the lab's name, or Vagrant's machines, by their inventory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.common import Frame, is_typed, read_cluster
from provisioner.errors import UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.vagrant_rules import machines
from provisioner.paths import labs_directory

HERE = Path("inventory.yaml")
NameOption = Annotated[str, typer.Option("--name", help="The lab's name; several can be up side by side.")]
LabInventoryOption = Annotated[
    Path | None,
    typer.Option(
        "--inventory", "-i", help="The inventory of Vagrant's machines. (default: ./inventory.yaml, if it has any)"
    ),
]


class Driver(StrEnum):
    """What creates the machines."""

    CONTAINER = "container"
    VAGRANT = "vagrant"


@dataclass(frozen=True, slots=True)
class Choice:
    """A lab of containers by its name, or, with a `cluster`, the machines that Vagrant creates for it."""

    name: str
    cluster: Cluster | None = None


def choose(context: typer.Context, name: str, inventory: Path | None, told: Frame) -> Choice:
    """The lab to use: the inventory's, else that of ./inventory.yaml unless a name is given, else by name.

    UsageError for an inventory that does not belong to a lab.
    """
    if inventory is None and (is_typed(context, "name") or not _mentions_vagrant(HERE)):
        return Choice(name)
    path = (inventory or HERE).absolute()
    if path.parent.parent == labs_directory():
        return Choice(path.parent.name)
    if (cluster := read_cluster(path, told)) and machines(cluster):
        return Choice(cluster.settings.name, cluster)
    if inventory is None:
        return Choice(name)
    raise UsageError(
        f"{inventory} is not the inventory of a lab: no host has settings under `vagrant:`",
        hint="add `vagrant: {}` to the variables of `all`; for a lab of containers, use --name",
    )


def _mentions_vagrant(path: Path) -> bool:
    """Whether it has to be read: an inventory of other machines, valid or not, has nothing to do with a lab."""
    return path.is_file() and "vagrant:" in path.read_text(errors="replace")


def vagrant_cluster(choice: Choice) -> Cluster:
    """The inventory of Vagrant's machines; UsageError when none was named and none is here."""
    if choice.cluster is None:
        raise UsageError(
            "no inventory with settings under `vagrant:` was named, and there is none here",
            hint="name one with -i, such as inventories/vagrant.yaml",
        )
    return choice.cluster


def release_of(cluster: Cluster) -> str:
    """The release that the machines have."""
    return machines(cluster)[0][1].release


def refuse_sizes(context: typer.Context) -> None:
    """UsageError when machines of an inventory are given sizes on the command line."""
    options = ("control_planes", "workers", "release", "kubernetes", "memory_mib", "cpus", "nat", "mtu")
    if typed := [f"--{option.replace('_', '-')}" for option in options if is_typed(context, option)]:
        message = f"{', '.join(typed)}: the inventory describes Vagrant's machines"
        raise UsageError(message, hint="write it there, under `vagrant:` or `cluster:`")
