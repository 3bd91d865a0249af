"""A cluster in Ansible's format, merged and with all defaults filled in: what `inventory show` prints."""

from __future__ import annotations

from typing import Any

from provisioner.inventory.hosts import VARIABLE
from provisioner.inventory.model import Cluster, Host

_NOT_VARIABLES = frozenset({"name", "role", "groups"})


def as_ansible(cluster: Cluster) -> dict[str, Any]:
    """A mapping that JSON and YAML can hold, itself an inventory of the same cluster (it holds no secrets).

    `{"all": {"vars": {"cluster": {...}}, "hosts": {"cp1": {"ansible_host": "10.0.0.11", ...}},
    "children": {"control_plane": {"hosts": {"cp1": {}}}}}}`: the hosts with their merged variables once, the
    groups by name only.
    """
    groups = sorted({group for host in cluster.hosts for group in host.groups})
    return {
        "all": {
            "vars": {"cluster": cluster.settings.model_dump(mode="json", exclude_none=True)},
            "hosts": {host.name: _variables(host) for host in cluster.hosts},
            "children": {group: {"hosts": _members(cluster, group)} for group in groups},
        }
    }


def _variables(host: Host) -> dict[str, Any]:
    fields = host.model_dump(mode="json", exclude_none=True, exclude=set(_NOT_VARIABLES))
    return {VARIABLE.get(field, field): value for field, value in fields.items()}


def _members(cluster: Cluster, group: str) -> dict[str, dict[str, Any]]:
    return {host.name: {} for host in cluster.hosts if group in host.groups}
