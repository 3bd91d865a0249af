"""From the tree's hosts, whose variables are merged, to the machines of the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from provisioner.inventory import files, roles, variables
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import DNS_NAME, Host, HostVariables
from provisioner.inventory.tree import TreeHost
from provisioner.inventory.variables import Variable

# The field of `Host` <- the variable it comes from, where the names differ.
VARIABLE = {
    "address": "ansible_host",
    "port": "ansible_port",
    "user": "ansible_user",
    "private_key_file": "ansible_ssh_private_key_file",
    "become": "ansible_become",
}
# A node's name is also the value of its label kubernetes.io/hostname.
LONGEST_NAME = 63

Values = Mapping[KeyPath, object]


def read(given: Iterable[Variable], texts: Mapping[KeyPath, str]) -> tuple[Values, tuple[Finding, ...]]:
    """The values of all good variables by the path where they stand, and what is wrong with the others."""
    values: dict[KeyPath, object] = {}
    found: list[Finding] = []
    for variable in {variable.path: variable for variable in given if variable.name != "cluster"}.values():
        if variables.field_of(variable.name) is None:
            found += variables.judge(variable)
            continue
        value, wrong = variables.read(variable, texts)
        found += wrong
        if not wrong:
            values[variable.path] = value
    return values, tuple(found)


def misnamed(hosts: Iterable[TreeHost]) -> Iterator[Finding]:
    """Names that cannot be a node's name."""
    for host in hosts:
        if host.name and _is_address(host.name):
            yield Finding(
                "bad-name",
                host.path,
                f"`{host.name}` is an address, not a name",
                f"give the machine a name, and write `ansible_host: {host.name}` below it",
            )
        elif len(host.name) > LONGEST_NAME:
            yield Finding(
                "bad-name",
                host.path,
                f"the host name is {len(host.name)} characters long",
                f"at most {LONGEST_NAME} are allowed",
            )
        elif not re.fullmatch(DNS_NAME, host.name):
            what = f"`{host.name}` cannot be the name of a node" if host.name else "the host's name is empty"
            yield Finding(
                "bad-name",
                host.path,
                f"{what}: only lower-case letters, digits, `-` and `.` are allowed",
                _better(host.name),
            )


def build(host: TreeHost, values: Values, inventory: Path) -> Host | None:
    """The machine; None when no group gives it a role. A bad variable counts as not given."""
    role = roles.role_of(host)
    if role is None:
        return None
    merged = dict(_merged(host, values))
    wish = HostVariables.model_construct(**merged)
    key = wish.ansible_ssh_private_key_file
    # Kubespray's meaning of a control plane that is also a worker: pods may run on it.
    taints = () if wish.node_taints is None and roles.in_both(host) else wish.node_taints
    return Host.model_construct(
        name=host.name,
        role=role,
        address=wish.ansible_host or host.name,
        port=wish.ansible_port,
        user=wish.ansible_user,
        private_key_file=files.resolve(key, inventory) if key else None,
        become=wish.ansible_become,
        node_ip=wish.node_ip,
        node_interface=wish.node_interface,
        node_labels=wish.node_labels,
        node_taints=taints,
        kubelet_extra_args=wish.kubelet_extra_args,
        vagrant=wish.vagrant,
        groups=host.groups,
    )


def place(host: TreeHost, field: str) -> KeyPath:
    """Where in the file a field of a machine is set; where the host stands when it is not."""
    given = _given(host, VARIABLE.get(field, field))
    return given.path if given else host.path


def _merged(host: TreeHost, values: Values) -> Iterator[tuple[str, Any]]:
    for field in HostVariables.model_fields:
        given = _given(host, field)
        if given and given.path in values:
            yield field, values[given.path]


def _given(host: TreeHost, field: str) -> Variable | None:
    """The variable that sets a field, by any of its names."""
    names = reversed(variables.NAMES[field])
    return next((host.variables[name] for name in names if name in host.variables), None)


def _is_address(name: str) -> bool:
    try:
        return bool(IPv4Address(name))
    except ValueError:
        return False


def _better(name: str) -> str:
    better = re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.")
    return f"for example `{better}`" if re.fullmatch(DNS_NAME, better) else "for example `worker1`"
