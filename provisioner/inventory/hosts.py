"""Makes the hosts of the cluster from those of the tree, whose variables are merged."""

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

# Fields of `Host` and the variables that they come from, where the names differ.
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
    """The values of all valid variables by their paths, and findings for the others."""
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
    """Hosts whose names cannot be the name of a node."""
    for host in hosts:
        if host.name and _is_address(host.name):
            yield Finding(
                "bad-name",
                host.path,
                f"`{host.name}` is an address, not a name",
                f"give the host a name, and write `ansible_host: {host.name}` below it",
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
    """The host; None when no group gives it a role. An invalid variable counts as not set."""
    role = roles.role_of(host)
    if role is None:
        return None
    merged = dict(_merged(host, values))
    want = HostVariables.model_construct(**merged)
    key = want.ansible_ssh_private_key_file
    # As in Kubespray, pods may run on a control plane that is also a worker.
    taints = () if want.node_taints is None and roles.in_both(host) else want.node_taints
    return Host.model_construct(
        name=host.name,
        role=role,
        address=want.ansible_host or host.name,
        port=want.ansible_port,
        user=want.ansible_user,
        private_key_file=files.resolve(key, inventory) if key else None,
        become=want.ansible_become,
        node_ip=want.node_ip,
        node_interface=want.node_interface,
        node_labels=want.node_labels,
        node_taints=taints,
        kubelet_extra_args=want.kubelet_extra_args,
        vagrant=want.vagrant,
        groups=host.groups,
    )


def place(host: TreeHost, field: str) -> KeyPath:
    """Where in the file a field of a host is set; the place of the host itself when it is not set."""
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
