"""Which groups make a host a control plane or a worker, and which names were probably meant as one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.errors import Severity
from provisioner.inventory.findings import Finding, nearest
from provisioner.inventory.model import Role
from provisioner.inventory.tree import Tree, TreeHost

# Our names and kubespray's (https://github.com/kubernetes-sigs/kubespray/blob/master/docs/ansible/inventory.md).
ROLES: Mapping[str, Role] = {
    "control_plane": Role.CONTROL_PLANE,
    "kube_control_plane": Role.CONTROL_PLANE,
    "workers": Role.WORKER,
    "kube_node": Role.WORKER,
}

# Other common names of these groups, too different to be found by comparing letters.
_ELSEWHERE = {
    "master": "control_plane",
    "masters": "control_plane",
    "kube_master": "control_plane",
    "controllers": "control_plane",
    "node": "workers",
    "nodes": "workers",
    "agents": "workers",
    "minions": "workers",
}


def role_of(host: TreeHost) -> Role | None:
    """The role of a host: in both roles it is a control plane; None when no group gives it a role."""
    roles = {ROLES[group] for group in host.groups if group in ROLES}
    return Role.CONTROL_PLANE if Role.CONTROL_PLANE in roles else next(iter(roles), None)


def in_both(host: TreeHost) -> bool:
    """Whether it is a control plane that takes workloads too, as in kubespray."""
    return {ROLES[group] for group in host.groups if group in ROLES} == set(Role)


def meant(group: str) -> str:
    """The role's group that a name was probably meant to be; empty when none is close."""
    name = group.lower().replace("-", "_")
    return "" if group in ROLES else _ELSEWHERE.get(name) or nearest(name, ROLES)


def is_about_control(group: str) -> bool:
    """Whether it is, or was probably meant to be, a group of control planes."""
    return ROLES.get(meant(group) or group) is Role.CONTROL_PLANE


def without_role(tree: Tree) -> Iterator[Finding]:
    """Hosts without a role: one finding per group whose name looks misspelt, otherwise one per host."""
    lost = [host for host in tree.hosts if role_of(host) is None]
    misspelt = {group: path for group, path in tree.groups.items() if meant(group) and _has(lost, group)}
    for group, path in misspelt.items():
        yield Finding(
            "unknown-group",
            path,
            f"the group `{group}` gives its hosts no role",
            f"did you mean `{meant(group)}`?",
        )
    for host in lost:
        if not misspelt.keys() & set(host.groups):
            yield Finding(
                "no-role", host.path, f"`{host.name}` has no role and is left out",
                "put it into the group `control_plane` or `workers`, or remove it", Severity.WARNING,
            )  # fmt: skip


def _has(hosts: list[TreeHost], group: str) -> bool:
    return any(group in host.groups for host in hosts)
