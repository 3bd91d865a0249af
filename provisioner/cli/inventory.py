"""`provisioner inventory`: check an inventory, show it merged, and its schema for editors."""

from __future__ import annotations

import json

import typer
import yaml

from provisioner.cli.common import InventoryOption, JsonOption, frame, read_cluster
from provisioner.core.report import Note
from provisioner.inventory.schema import json_schema
from provisioner.inventory.show import as_ansible

app = typer.Typer(help="Check and show inventories.", no_args_is_help=True)


@app.command(epilog="Example: provisioner inventory validate -i inventories/existing-servers.yaml")
def validate(inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """Check an inventory: all its problems at once, each with file and line."""
    with frame("inventory validate", as_json=as_json) as told:
        cluster = read_cluster(inventory, told, untested=False)
        control_planes, workers = len(cluster.control_planes), len(cluster.workers)
        told(Note(f"{cluster.path}: valid; {control_planes} control plane(s), {workers} worker(s)"))


@app.command(epilog="Example: provisioner inventory show -i inventories/existing-servers.yaml --json")
def show(inventory: InventoryOption = None, as_json: JsonOption = False) -> None:
    """Show the inventory as it is understood: everything merged, defaults filled in."""
    with frame("inventory show") as told:
        merged = as_ansible(read_cluster(inventory, told))
        told.show.console.out(
            json.dumps(merged) if as_json else yaml.safe_dump(merged, sort_keys=False).rstrip(), highlight=False
        )


@app.command(epilog="Example: provisioner inventory schema >inventory.schema.json")
def schema() -> None:
    """Print the JSON Schema of inventories, for editors."""
    with frame("inventory schema") as told:
        told.show.console.out(json.dumps(json_schema(), indent=2), highlight=False)
