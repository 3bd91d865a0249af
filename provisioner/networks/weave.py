"""Weave Net 2.8.1, which its authors no longer maintain: for clusters that have it, or are as old."""

from __future__ import annotations

from provisioner.core.objects import Objects
from provisioner.manifests.patching import draft, set_variable
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.world.derived import plug_in_mtu
from provisioner.world.view import View


def patch(objects: Objects, view: View) -> Objects:
    """The pod network, from which it assigns addresses itself, and the MTU."""
    settings, made = view.cluster.settings, draft(objects)
    weave = made.container(made.one("DaemonSet", "weave-net"), "weave")
    set_variable(weave, "IPALLOC_RANGE", str(settings.pod_cidr))
    set_variable(weave, "WEAVE_MTU", str(plug_in_mtu(view)))
    return made.done()


WEAVE = PlugIn(
    "weave",
    files=("10-weave.conflist", "10-weave.conf"),
    daemon_sets=("kube-system/weave-net",),
    needs=Needs(devices=("weave", "vethwe*", "datapath", "vxlan-*")),
    patch=patch,
    leaves=Leaves(
        files=(f"{CNI_DIRECTORY}/10-weave.conflist", "/var/lib/weave"),
        links=("weave", "datapath", "vxlan-6784"),
        rules=("WEAVE",),
    ),
)
