"""Replace a network plug-in: drain the nodes, remove the old plug-in, install the new one, uncordon the nodes."""

from __future__ import annotations

from provisioner.core.resource import Later, Resource
from provisioner.inventory.model import Host, Role
from provisioner.manifests.patching import LABEL
from provisioner.networks.choice import PLUG_INS
from provisioner.networks.leftovers import other_files, others
from provisioner.networks.plug_in import CNI_DIRECTORY, PlugIn
from provisioner.resources.draining import BEFORE, Drained, Reopened, reopening
from provisioner.resources.leftovers import LeftoversGone, ObjectsGone
from provisioner.world.derived import kubernetes
from provisioner.world.view import View


def drained(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader, one node after the other, control planes last: as long as there is something to remove."""
    nodes = view.observed.live.nodes if view.observed.live and others(view) else {}
    minor = kubernetes(view).minor
    order = sorted(view.hosts, key=lambda one: one.role is Role.CONTROL_PLANE)
    return tuple(Drained(one.name, nodes[one.name], minor) for one in order if one.name in nodes)


def objects_gone(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: the objects of other plug-ins. Before the hosts are cleaned: their pods would undo that."""
    return tuple(ObjectsGone(f"{LABEL}={name}") for name in others(view) if PLUG_INS[name].daemon_sets)


def hosts_clean(view: View, host: Host) -> tuple[Resource, ...]:
    """On every host: what other plug-ins have left there."""
    found = dict.fromkeys(owner for _, owner in other_files(view, host))
    return tuple(LeftoversGone(name, _parts(PLUG_INS[name])) for name in found)


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


def reopened(view: View, host: Host) -> tuple[Resource, ...]:
    """On the leader: the nodes that were drained for this, by this run or by one that was killed."""
    nodes = view.observed.live.nodes if view.observed.live else {}
    mine = [one.name for one in view.hosts if one.name in nodes]
    if others(view):
        unknown = "the new network, which is installed after the old one is removed"
        return tuple(Later(f"reopened {name}", reopening(name), unknown) for name in mine)
    return tuple(Reopened(name, nodes[name]) for name in mine if BEFORE in nodes[name].labels)
