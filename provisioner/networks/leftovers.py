"""What there is of other plug-ins than the wished one: on the hosts by its files, in the cluster by its DaemonSets."""

from __future__ import annotations

from provisioner.core.play import View
from provisioner.inventory.model import Host
from provisioner.inventory.networks import ManifestNetwork, NoNetwork
from provisioner.networks.choice import chosen, owner_of_daemon_set, owner_of_file


def others(view: View) -> tuple[str, ...]:
    """The names of the other plug-ins, each once."""
    on_hosts = (owner for host in view.hosts for _, owner in other_files(view, host))
    return tuple(dict.fromkeys((*on_hosts, *(owner for _, owner in other_daemon_sets(view)))))


def other_files(view: View, host: Host) -> tuple[tuple[str, str], ...]:
    """Files in /etc/cni/net.d of another plug-in than the wished one, each with whose it is."""
    network, mine = view.cluster.settings.network, chosen(view)
    if isinstance(network, NoNetwork):
        return ()
    own = {*mine.files, *((network.cni_file,) if isinstance(network, ManifestNetwork) and network.cni_file else ())}
    found = ((name, owner_of_file(name)) for name in view.states[host.name].cni_files if name not in own)
    return tuple(
        (name, owner.name)
        for name, owner in found
        if owner and owner != mine and not (view.network and view.network.mentions(name))
    )


def other_daemon_sets(view: View) -> tuple[tuple[str, str], ...]:
    """DaemonSets of another plug-in than the wished one (`namespace/name`), each with whose it is."""
    mine = chosen(view).name
    found = view.live.daemon_sets if view.live else {}
    owners = ((name, network, owner_of_daemon_set(name)) for name, network in found.items())
    named = ((name, network or (owner.name if owner else "")) for name, network, owner in owners)
    applied = _applied(view) if mine == "manifest" else ()
    return tuple((name, owner) for name, owner in named if owner and owner != mine and name not in applied)


def _applied(view: View) -> tuple[str, ...]:
    items = view.network.of_kind("DaemonSet") if view.network else ()
    return tuple(f"{item['metadata'].get('namespace', 'default')}/{item['metadata']['name']}" for item in items)
