"""The plain `bridge` plug-in: a bridge on each node with the node's own pod CIDR, and one route to that of every other
node. A small service of provisioner sets routes, forwarding and masquerading, now and after a reboot.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change, Later, Resource
from provisioner.inventory.model import Host
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.resources.files import File
from provisioner.resources.services import Service
from provisioner.templating import render
from provisioner.world.derived import joining, needs_joining, plug_in_mtu
from provisioner.world.view import View, once

CONFLIST = f"{CNI_DIRECTORY}/10-bridge.conflist"
SCRIPT = "/usr/local/sbin/provisioner-pod-network"
UNIT = "provisioner-pod-network.service"
# The protocol number of provisioner's routes, which no other software uses (/etc/iproute2/rt_protos); and the comment
# of its iptables rules, as in the script.
PROTOCOL = "112"
COMMENT = "provisioner-pod-network"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"
_UNKNOWN = "the node pod CIDRs, known after the nodes have joined"


@dataclass(frozen=True, slots=True)
class PodRoutes:
    """The kernel has the routes and the firewall allows the pods' traffic, right now."""

    routes: tuple[tuple[IPv4Network, IPv4Address], ...]

    @property
    def key(self) -> str:
        """`pod routes`."""
        return "pod routes"

    def probe(self) -> Command:
        """What the service's own check finds missing; everything when the service does not exist yet."""
        return shell('if [ -x "$1" ]; then "$1" check; else echo "all of them"; fi', SCRIPT)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Let the service set them again; when its files have changed, it restarts and does that anyway."""
        if not seen.stdout.strip() or {f"file {SCRIPT}", f"file {_UNIT_FILE}"} & changed:
            return None
        lines = "".join(f"+{line}\n" for line in seen.stdout.splitlines())
        return Change("set the pods' routes and firewall rules", (Command(("systemctl", "restart", UNIT)),), diff=lines)


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """The plug-in's configuration, and the service that sets the routes."""
    # A node that joins again loses its pod CIDR with the reset, and may get another one.
    own = None if needs_joining(view, host) else _pod_cidrs(view).get(host.name)
    conflist = _conflist(view, own[0]) if own else Later(f"file {CONFLIST}", f"create {CONFLIST}", _UNKNOWN)
    return (conflist, *_on_all_hosts(view))


@once
def _on_all_hosts(view: View) -> tuple[Resource, ...]:
    """The service and its script, which has the routes to all nodes, and on each one leaves out the one to itself."""
    unit = File(_UNIT_FILE, render("network/bridge/pod-network.service.j2", script=SCRIPT))
    service = Service(UNIT, configuration=(SCRIPT, _UNIT_FILE))
    nodes = _pod_cidrs(view)
    if _coming(view) - nodes.keys():
        return (Later(f"file {SCRIPT}", f"write {SCRIPT}", _UNKNOWN), unit, service)
    settings, routes = view.cluster.settings, tuple(part for _, part in sorted(nodes.items()))
    script = render(
        "network/bridge/pod-network.sh.j2",
        pod_cidr=settings.pod_cidr,
        service_cidr=settings.service_cidr,
        routes=routes,
    )
    return (File(SCRIPT, script, mode=0o755), unit, service, PodRoutes(routes))


@once
def _pod_cidrs(view: View) -> dict[str, tuple[IPv4Network, IPv4Address]]:
    """By node, its pod CIDR and the address through which that is reached."""
    nodes = view.observed.live.nodes.values() if view.observed.live else ()
    return {node.name: (node.pod_cidr, node.internal_ip) for node in nodes if node.pod_cidr and node.internal_ip}


def _coming(view: View) -> set[str]:
    """Nodes that this run will create; one that joins again may have kept its pod CIDR."""
    leader = set() if view.observed.live else {view.leader.name}
    return {worker.name for worker in joining(view)} | leader


def _conflist(view: View, pod_cidr: IPv4Network) -> File:
    # Without a tunnel, pods can use the MTU of the nodes.
    mtu = plug_in_mtu(view)
    return File(CONFLIST, render("network/bridge/10-bridge.conflist.j2", pod_cidr=pod_cidr, mtu=mtu))


BRIDGE = PlugIn(
    "bridge",
    files=("10-bridge.conflist",),
    needs=Needs(devices=("cni0",), routes=True),
    on_hosts=desired,
    leaves=Leaves(
        units=(UNIT,),
        files=(CONFLIST, "/var/lib/cni/networks/bridge"),
        programs=(SCRIPT,),
        links=("cni0",),
        bridges=("cni0",),
        rules=(COMMENT,),
        route_protocols=(PROTOCOL,),
    ),
)
