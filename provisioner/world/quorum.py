"""Which control planes a cluster can lose: etcd writes only while more than half of its members are running.

https://etcd.io/docs/v3.5/faq/, "Why an odd number of cluster members?"
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from provisioner.core.names import some
from provisioner.world.view import View


def majority(members: int) -> int:
    """How many of so many members are a quorum."""
    return members // 2 + 1


def can_lose(names: AbstractSet[str], running: AbstractSet[str], members: AbstractSet[str]) -> bool:
    """Whether etcd has a quorum when these members stop running, and stay members."""
    return len(running - names) >= majority(len(members))


def members(view: View) -> frozenset[str]:
    """The control planes with an etcd member, as far as it is known: those that were not reached may have one."""
    states = view.observed.states
    return frozenset(
        host.name
        for host in view.cluster.control_planes
        if host.name not in states or states[host.name].initialised or host.name in view.lost
    )


def lost_quorum(view: View) -> str:
    """A sentence when the lost control planes are too many, and nothing otherwise. The only one speaks for itself."""
    every = members(view)
    lost = view.lost & every
    if len(every) < 2 or can_lose(lost, every, every):
        return ""
    return (
        f"{len(lost)} of {len(every)} control planes are lost ({some(sorted(lost))}): "
        f"etcd needs {majority(len(every))} of them for a quorum"
    )
