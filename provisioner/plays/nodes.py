"""The desired state of the Node objects: labels, taints, and that they are Ready."""

from __future__ import annotations

from provisioner.core.resource import Later, Resource
from provisioner.inventory.model import Host
from provisioner.inventory.networks import NoNetwork
from provisioner.resources.nodes import NodeMarks, NodesReady
from provisioner.world.view import View


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader, for every node of this run. Without a network plug-in nodes do not become Ready."""
    marks = tuple(mark for node in view.hosts for mark in _marks(view, node))
    known = view.observed.live.nodes.values() if view.observed.live else ()
    ready = frozenset(node.name for node in known if node.ready)
    if isinstance(view.cluster.settings.network, NoNetwork):
        return marks
    return (*marks, NodesReady(tuple(node.name for node in view.hosts), ready))


def _marks(view: View, node: Host) -> tuple[Resource, ...]:
    now = view.observed.live.nodes.get(node.name) if view.observed.live else None
    if now is None:
        what, unknown = f"label and taint {node.name}", "the node, which is not in the cluster yet"
        # kubeadm registers a node with its taints. While the API server does not answer, the node may already exist.
        is_silent = view.observed.live is None and view.observed.states[view.leader.name].initialised
        is_needed = node.node_labels or (is_silent and node.node_taints is not None)
        return (Later(f"labels and taints of {node.name}", what, unknown),) if is_needed else ()
    taints = None if node.node_taints is None else tuple(str(taint) for taint in node.node_taints)
    return (NodeMarks(node.name, tuple(sorted(node.node_labels.items())), taints, now),)
