"""The plain `bridge` plug-in: a bridge per node with the node's own part of the pods' network, and one route to the
part of every other node. A small service of ours sets routes, forwarding and masquerading, now and after a reboot.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.play import View
from provisioner.core.resource import Change, Later, Resource
from provisioner.derived import joining
from provisioner.inventory.model import Host
from provisioner.resources.files import File
from provisioner.resources.services import Service
from provisioner.templating import render

CONFLIST = "/etc/cni/net.d/10-bridge.conflist"
SCRIPT = "/usr/local/sbin/provisioner-pod-network"
UNIT = "provisioner-pod-network.service"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"


@dataclass(frozen=True, slots=True)
class PodRoutes:
    """The kernel has the routes and the firewall lets the pods' traffic pass, right now."""

    routes: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """`pod routes`."""
        return "pod routes"

    def probe(self) -> Command:
        """What the service's own check finds missing; all of it where the service is not there yet."""
        return shell('if [ -x "$1" ]; then "$1" check; else echo "all of them"; fi', SCRIPT)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Let the service set them again; a service that restarts anyway does."""
        if not seen.stdout.strip() or f"service {UNIT}" in changed:
            return None
        lines = "".join(f"+{line}\n" for line in seen.stdout.splitlines())
        return Change("set the pods' routes and firewall rules", (Command(("systemctl", "restart", UNIT)),), diff=lines)


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """The plug-in's configuration, and the service that makes the routes."""
    unit = File(_UNIT_FILE, render("network/bridge/pod-network.service.j2", script=SCRIPT))
    service = Service(UNIT, configuration=(SCRIPT, _UNIT_FILE))
    nodes = view.live.nodes if view.live else {}
    own = nodes.get(host.name)
    unknown = "the nodes' parts of the pods' network, known after they have joined"
    if own is None or not own.pod_cidr or joining(view):
        conflist = (
            _conflist(view, own.pod_cidr)
            if own and own.pod_cidr
            else Later(f"file {CONFLIST}", f"create {CONFLIST}", unknown)
        )
        return (conflist, Later(f"file {SCRIPT}", f"write {SCRIPT}", unknown), unit, service)
    routes = tuple(
        (node.pod_cidr, node.internal_ip) for name, node in sorted(nodes.items()) if name != host.name and node.pod_cidr
    )
    script = render("network/bridge/pod-network.sh.j2", pod_cidr=str(view.cluster.settings.pod_cidr), routes=routes)
    return (_conflist(view, own.pod_cidr), File(SCRIPT, script, mode=0o755), unit, service, PodRoutes(routes))


def _conflist(view: View, pod_cidr: str) -> File:
    mtu = view.cluster.settings.network.mtu
    return File(CONFLIST, render("network/bridge/10-bridge.conflist.j2", pod_cidr=pod_cidr, mtu=mtu))
