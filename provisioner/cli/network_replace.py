"""`provisioner network replace`: another network plug-in for a running cluster."""

from __future__ import annotations

from provisioner.cli import procedures
from provisioner.cli.common import InventoryOption, JsonOption, UntestedOption, VerboseOption, frame, load_cluster
from provisioner.cli.procedures import Asked, OutputOption, PlanOption, YesOption
from provisioner.core.report import Note
from provisioner.procedures.network_replace import NETWORK_REPLACE


def replace(
    inventory: InventoryOption = None,
    plan: PlanOption = False,
    output: OutputOption = None,
    yes: YesOption = False,
    allow_untested: UntestedOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace the network plug-in with the inventory's: drain the nodes, remove the old one, install the new one."""
    with frame(NETWORK_REPLACE.name, as_json=as_json, verbose=verbose) as told:
        cluster = load_cluster(inventory, told, untested=allow_untested)
        outcome = procedures.run(NETWORK_REPLACE, cluster, told, Asked(plan, output, yes, verbose))
        if not outcome.plan.steps:
            told(Note(f"the cluster's network is {cluster.settings.network.type}: there is nothing to replace"))
        told.show.report(outcome.report)
