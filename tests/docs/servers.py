"""A lab in the place of a reader's own servers: the inventory that a document shows, with the lab's addresses. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

Inventory = dict[str, Any]


def in_the_lab(shown: str, lab: Path) -> str:
    """The shown inventory, for the machines of the lab whose inventory file is given.

    The n-th control plane stands for the lab's n-th, the n-th worker likewise. Besides addresses, user and key, the
    only thing changed is `nested`: the lab's machines are containers.
    """
    inventory, of_lab = yaml.safe_load(shown), yaml.safe_load(lab.read_text())
    for group in ("control_plane", "workers"):
        machines = _hosts(of_lab, group).values()
        for host, machine in zip(_hosts(inventory, group).values(), machines, strict=True):
            host["ansible_host"] = machine["ansible_host"]
    variables = inventory["all"]["vars"]
    variables["ansible_user"] = of_lab["all"]["vars"]["ansible_user"]
    variables["ansible_ssh_private_key_file"] = str(lab.parent / "id_ed25519")
    variables["cluster"]["nested"] = True
    return yaml.safe_dump(inventory, sort_keys=False)


def _hosts(inventory: Inventory, group: str) -> dict[str, dict[str, str]]:
    hosts: dict[str, dict[str, str]] = inventory["all"]["children"][group]["hosts"]
    return hosts
