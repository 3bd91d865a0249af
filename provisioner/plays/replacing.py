"""Replace a network plug-in, node after node: drain it, old plug-in off, new one on, uncordon it.

Meanwhile both plug-ins run in the cluster, each on its own nodes. Which one a node has is read from the node: from its
files in /etc/cni/net.d, and from a label that DaemonSets run by.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.core.objects import Object, Objects
from provisioner.core.resource import Later, Resource
from provisioner.inventory.model import Host, Role
from provisioner.manifests.patching import LABEL
from provisioner.networks.choice import PLUG_INS, plug_in_of
from provisioner.networks.leftovers import other_daemon_sets, other_files, others
from provisioner.networks.plug_in import CNI_DIRECTORY, PlugIn
from provisioner.plays.gates import budgets_are_complete, ready_again
from provisioner.plays.network import applied, network_title, patched, ready
from provisioner.plays.procedure import Batch, Turn
from provisioner.resources.draining import BEFORE, DRAINED, REOPENING, Drained, Reopened
from provisioner.resources.leftovers import LeftoversGone, ObjectsGone
from provisioner.resources.node_networks import DaemonSetSelects, NetworkOff, NodeNetwork
from provisioner.world.derived import kubernetes
from provisioner.world.nodes import NodeState
from provisioner.world.view import View
from provisioner.world.workloads import NODE_NETWORK, selected_networks


def nodes(view: View) -> tuple[Host, ...]:
    """The hosts that are nodes, control planes last."""
    known = _known(view)
    return tuple(
        sorted((one for one in view.hosts if one.name in known), key=lambda one: one.role is Role.CONTROL_PLANE)
    )


def batches(view: View) -> tuple[Batch, ...]:
    """One node at a time: what runs on it has to find room on the others."""
    return tuple((one.name,) for one in nodes(view))


def both(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: each plug-in keeps to its own nodes; the old one's are labelled before it needs the label."""
    known, selected, old = _known(view), selected_networks(view), other_daemon_sets(view)
    owners = {owner for _, owner in old}
    return (
        *(
            NodeNetwork(one.name, owner, known[one.name])
            for one in nodes(view)
            # A node that is drained already has lost the label, or will lose it next.
            if DRAINED not in known[one.name].labels
            for owner in _old(view, one)
            if owner in owners
        ),
        *(DaemonSetSelects(name, owner, selected.get(name, "")) for name, owner in old),
        *_for_its_nodes(view),
    )


def drained(view: View, host: Host) -> tuple[Resource, ...]:
    """At the leader: a node that still has the old plug-in."""
    return (Drained(host.name, _known(view)[host.name], kubernetes(view).minor),) if _old(view, host) else ()


def off(view: View, host: Host) -> tuple[Resource, ...]:
    """At the leader: the old plug-in's pods leave the node; they would undo what is removed there."""
    old = _old(view, host)
    sets = tuple(name for name, owner in other_daemon_sets(view) if owner in old)
    return (NetworkOff(host.name, sets, _known(view)[host.name]),) if sets else ()


def hosts_clean(view: View, host: Host) -> tuple[Resource, ...]:
    """What other plug-ins have left on the host."""
    found = dict.fromkeys(owner for _, owner in other_files(view, host))
    return tuple(LeftoversGone(name, _parts(PLUG_INS[name])) for name in found)


def on_host(view: View, host: Host) -> tuple[Resource, ...]:
    """What the new plug-in puts on the host itself."""
    return plug_in_of(view).on_hosts(view, host)


def on(view: View, host: Host) -> tuple[Resource, ...]:
    """At the leader: the new plug-in's pods run on the node."""
    mine, objects = plug_in_of(view), view.materials.network
    is_mixed = bool(others(view)) or mine.name in selected_networks(view).values()
    if not is_mixed or not mine.has_manifest or objects is None:
        return ()
    label = NodeNetwork(host.name, mine.name, _known(view)[host.name])
    sets = patched(view, objects).of_kind("DaemonSet")
    return (label, *(ready(item, (host.name,), label.key) for item in sets))


def reopened(view: View, host: Host) -> tuple[Resource, ...]:
    """At the leader: uncordon a node that was drained for this, by this run or by one that was killed."""
    if _old(view, host):
        unknown = "the new network, which is installed after the old one is removed"
        return (Later(f"reopened {host.name}", REOPENING, unknown),)
    now = _known(view)[host.name]
    return (Reopened(host.name, now),) if BEFORE in now.labels else ()


def objects_gone(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: the objects of other plug-ins, when no node has them any more."""
    return tuple(ObjectsGone(f"{LABEL}={name}") for name in others(view) if PLUG_INS[name].daemon_sets)


def unlabelled(view: View, host: Host) -> tuple[Resource, ...]:
    """At the leader: the label that told the plug-ins apart is gone, when there is only one."""
    return (NodeNetwork(host.name, None, _known(view)[host.name]),)


def is_back(turn: Turn, now: View) -> tuple[str, ...]:
    """After it was uncordoned: the node is Ready, and so are the pods that have moved."""
    known = _known(now)
    late = tuple(f"{name} is Ready" for name in turn.batch if name not in known or not known[name].ready)
    return tuple(dict.fromkeys((*late, *ready_again(turn, now), *budgets_are_complete(turn, now))))


def _known(view: View) -> Mapping[str, NodeState]:
    return view.observed.live.nodes if view.observed.live else {}


def _old(view: View, host: Host) -> tuple[str, ...]:
    """The other plug-ins that this node still has."""
    label = _known(view)[host.name].labels.get(NODE_NETWORK)
    labelled = (owner for _, owner in other_daemon_sets(view) if owner == label)
    return tuple(dict.fromkeys((*(owner for _, owner in other_files(view, host)), *labelled)))


def _for_its_nodes(view: View) -> tuple[Resource, ...]:
    """The new plug-in's objects, which run only on nodes that have its label, as long as there are others."""
    mine, objects = plug_in_of(view), view.materials.network
    if not others(view) or not mine.has_manifest or objects is None:
        return ()
    items = tuple(_selecting(item, mine.name) for item in patched(view, objects).items)
    return (applied(f"{network_title(view)} for nodes with its label", Objects(objects.origin, items)),)


def _selecting(item: Object, name: str) -> Object:
    if item["kind"] != "DaemonSet":
        return item
    template = item["spec"]["template"]
    pod = {**template["spec"], "nodeSelector": {**(template["spec"].get("nodeSelector") or {}), NODE_NETWORK: name}}
    return {**item, "spec": {**item["spec"], "template": {**template, "spec": pod}}}


def _parts(plug_in: PlugIn) -> tuple[tuple[str, str], ...]:
    """Its configuration is removed last: it is how the plug-in is recognised."""
    leaves = plug_in.leaves
    files = sorted(leaves.files, key=lambda path: path.startswith(CNI_DIRECTORY))
    return (
        *(("unit", unit) for unit in leaves.units),
        *(("link", link) for link in leaves.links),
        *(("routes", protocol) for protocol in leaves.route_protocols),
        *(("rules", beginning) for beginning in leaves.rules),
        *(("file", path) for path in (*leaves.programs, *files)),
    )
