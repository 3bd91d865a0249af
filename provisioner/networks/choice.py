"""Which network plug-in the inventory wants, and which one a file or a DaemonSet belongs to."""

from __future__ import annotations

from provisioner.networks.bridge import BRIDGE
from provisioner.networks.calico import CALICO
from provisioner.networks.cilium import CILIUM
from provisioner.networks.flannel import FLANNEL
from provisioner.networks.kube_router import KUBE_ROUTER
from provisioner.networks.manifest import MANIFEST
from provisioner.networks.none import NONE
from provisioner.networks.plug_in import PlugIn
from provisioner.networks.weave import WEAVE
from provisioner.world.view import View

PLUG_INS = {plug_in.name: plug_in for plug_in in (BRIDGE, CALICO, FLANNEL, KUBE_ROUTER, WEAVE, CILIUM, MANIFEST, NONE)}


def plug_in_of(view: View) -> PlugIn:
    """The one for all hosts of the cluster."""
    return PLUG_INS[view.cluster.settings.network.type]


def owner_of_file(name: str) -> PlugIn | None:
    """The plug-in that a file in /etc/cni/net.d belongs to; None when that is unknown."""
    return next((plug_in for plug_in in PLUG_INS.values() if name in plug_in.files), None)


def owner_of_daemon_set(name: str) -> PlugIn | None:
    """The plug-in that runs as this DaemonSet (`namespace/name`); None when that is unknown."""
    return next((plug_in for plug_in in PLUG_INS.values() if name in plug_in.daemon_sets), None)
