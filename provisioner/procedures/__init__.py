"""The procedures: each is a table of contents, read from top to bottom."""

from __future__ import annotations

from dataclasses import replace

from provisioner.inventory.values import Version
from provisioner.plays.procedure import Procedure
from provisioner.procedures.bring_up import BRING_UP
from provisioner.procedures.network_replace import NETWORK_REPLACE

PROCEDURES = (BRING_UP, NETWORK_REPLACE)


def named(name: str, target: Version | None = None) -> Procedure:
    """The procedure of that name, which goes to that version; KeyError when there is none."""
    return replace({procedure.name: procedure for procedure in PROCEDURES}[name], target=target)
