"""Ansible's own reading of inventories, many in one process: the code behind `ansible-inventory --list`.

A path a line comes in; a line of JSON goes out, `{"groups": {...}, "hosts": {...}}` or `{"error": "..."}`.
Run as a program of its own: Ansible takes over the process it is imported into.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible import context
from ansible.cli import CLI
from ansible.cli.inventory import InventoryCLI
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager


def begin() -> Any:
    """The command line's own object, as after `ansible-inventory --list`."""
    program = InventoryCLI(["ansible-inventory", "--list"])
    program.parse()
    assert context.CLIARGS["list"]
    return program


def read(program: Any, path: str) -> dict[str, Any]:
    """The groups with their children and their hosts (also those of groups below), and each host's variables."""
    program.loader = DataLoader()
    program.inventory = InventoryManager(loader=program.loader, sources=[path])
    program.vm = VariableManager(program.loader, program.inventory, version_info=CLI.version_info(gitinfo=False))
    listing = json.loads(program.dump(program.json_inventory(program.inventory.groups["all"])))
    groups = {
        name: {
            "children": sorted(child.name for child in group.child_groups),
            "hosts": sorted(host.name for host in group.get_hosts()),
        }
        for name, group in program.inventory.groups.items()
    }
    known = listing["_meta"]["hostvars"]
    return {"groups": groups, "hosts": {name: known.get(name, {}) for name in program.inventory.hosts}}


def main() -> None:
    """Answer until there are no more questions."""
    program = begin()
    for line in sys.stdin:
        try:
            answer = read(program, line.rstrip("\n"))
        except AnsibleError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
