"""Nodes in batches: what restarts something on a node that carries pods is done on a few nodes at a time."""

from __future__ import annotations

from provisioner.inventory.model import Host, Role
from provisioner.plays.procedure import Batch
from provisioner.world.view import View


def fresh_hosts(view: View) -> tuple[Host, ...]:
    """Hosts that are no nodes yet: nothing runs there."""
    return tuple(host for host in view.hosts if not view.observed.states[host.name].joined)


def nodes(view: View) -> tuple[Host, ...]:
    """Hosts that are nodes, as far as they know themselves: the cluster may be silent."""
    return tuple(host for host in view.hosts if view.observed.states[host.name].joined)


def batches(view: View) -> tuple[Batch, ...]:
    """Workers first, at most `max_unavailable` at a time; then control planes, one at a time: what is wrong with a
    setting is found on the first worker.
    """
    every = nodes(view)
    workers = [host.name for host in every if host.role is not Role.CONTROL_PLANE]
    size = at_once(view.cluster.settings.max_unavailable, len(every))
    control_planes = tuple((host.name,) for host in every if host.role is Role.CONTROL_PLANE)
    return (*(tuple(workers[start : start + size]) for start in range(0, len(workers), size)), *control_planes)


def at_once(most: str, count: int) -> int:
    """How many of `count` nodes a number or a percentage is; a part of a node is none, but one is always allowed."""
    return max(1, count * int(most[:-1]) // 100) if most.endswith("%") else int(most)
