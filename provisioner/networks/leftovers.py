"""What exists of other plug-ins than the desired one: on hosts by their files, in the cluster by their DaemonSets."""

from __future__ import annotations

from ipaddress import IPv4Network

from provisioner.core.command import Command
from provisioner.inventory.model import Host
from provisioner.inventory.networks import ManifestNetwork, NoNetwork
from provisioner.networks.choice import PLUG_INS, owner_of_daemon_set, owner_of_file, plug_in_of
from provisioner.resources.leftovers import LeftoversGone
from provisioner.world.addresses import Address
from provisioner.world.derived import needs_joining
from provisioner.world.view import View

_BRIDGES = tuple(dict.fromkeys(name for plug_in in PLUG_INS.values() for name in plug_in.leaves.bridges))


def others(view: View) -> tuple[str, ...]:
    """The names of the other plug-ins, each once."""
    on_hosts = (owner for host in view.hosts for _, owner in other_files(view, host))
    return tuple(dict.fromkeys((*on_hosts, *(owner for _, owner in other_daemon_sets(view)))))


def other_files(view: View, host: Host) -> tuple[tuple[str, str], ...]:
    """Files in /etc/cni/net.d of another plug-in than the desired one, each with its plug-in."""
    network, mine = view.cluster.settings.network, plug_in_of(view)
    if isinstance(network, NoNetwork):
        return ()
    own = {*mine.files, *((network.cni_file,) if isinstance(network, ManifestNetwork) and network.cni_file else ())}
    found = ((name, owner_of_file(name)) for name in view.observed.states[host.name].cni_files if name not in own)
    return tuple(
        (name, owner.name)
        for name, owner in found
        if owner and owner != mine and not (view.materials.network and view.materials.network.mentions(name))
    )


def old_links(view: View, host: Host) -> tuple[Address, ...]:
    """Addresses on interfaces of plug-ins that must not exist on a new node: on bridges, also of the same plug-in, and
    on interfaces that another plug-in creates, with its routes.
    """
    network, mine = view.cluster.settings.network, plug_in_of(view)
    if isinstance(network, NoNetwork):
        return ()
    of_others = {name for plug_in in PLUG_INS.values() for name in plug_in.leaves.links} - {*mine.leaves.links}
    names = _BRIDGES if isinstance(network, ManifestNetwork) else {*_BRIDGES, *of_others}
    return tuple(address for address in view.observed.facts[host.name].addresses if address.interface in names)


def old_bridges(view: View, host: Host) -> tuple[tuple[Address, IPv4Network], ...]:
    """Addresses of the plug-in's bridges on a node that are not in its pod CIDR, which is given with each: the node got
    another one meanwhile.
    """
    node = view.observed.live.nodes.get(host.name) if view.observed.live else None
    if node is None or node.pod_cidr is None or needs_joining(view, host):
        return ()
    bridges, addresses = plug_in_of(view).leaves.bridges, view.observed.facts[host.name].addresses
    found = (one for one in addresses if one.interface in bridges and one.ip.ip not in node.pod_cidr)
    return tuple((one, node.pod_cidr) for one in found)


def after_reset(view: View) -> tuple[Command, ...]:
    """Removes what `kubeadm reset` leaves of the plug-in and what must not exist on the next node: interfaces, records
    of assigned addresses, and a configuration with which pods would start before the new one exists.
    """
    plug_in = plug_in_of(view)
    if isinstance(view.cluster.settings.network, NoNetwork):
        return ()
    links = dict.fromkeys((*plug_in.leaves.links, *_BRIDGES))
    parts = (*(("link", name) for name in links), *(("file", path) for path in plug_in.leaves.files))
    return (LeftoversGone(plug_in.name, parts).removal(),)


def other_daemon_sets(view: View) -> tuple[tuple[str, str], ...]:
    """DaemonSets of another plug-in than the desired one (`namespace/name`), each with its plug-in."""
    mine = plug_in_of(view).name
    found = view.observed.live.daemon_sets if view.observed.live else {}
    owners = ((name, network, owner_of_daemon_set(name)) for name, network in found.items())
    named = ((name, network or (owner.name if owner else "")) for name, network, owner in owners)
    applied = _applied(view) if mine == "manifest" else ()
    return tuple((name, owner) for name, owner in named if owner and owner != mine and name not in applied)


def _applied(view: View) -> tuple[str, ...]:
    items = view.materials.network.of_kind("DaemonSet") if view.materials.network else ()
    return tuple(f"{item['metadata'].get('namespace', 'default')}/{item['metadata']['name']}" for item in items)
