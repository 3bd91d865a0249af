"""Cilium, from the output of `helm template` with its chart: it has no manifest to fetch, and hundreds of settings.

Only what has to agree with the cluster is set here; everything else is as it was rendered.
"""

from __future__ import annotations

from provisioner.core.objects import Objects
from provisioner.inventory.networks import CiliumNetwork
from provisioner.manifests.patching import desired, draft, missing
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.world.derived import plug_in_mtu
from provisioner.world.view import View

# Its IPAM modes that use the pod network; the others are for clouds.
_OWN, _OF_NODES = "cluster-pool", "kubernetes"
# The value of `mtu` when none is set: Cilium uses the MTU of the interface.
_MEASURE = "0"


def patch(objects: Objects, view: View) -> Objects:
    """The pod network when Cilium assigns addresses itself, the interface, and the MTU."""
    settings, made = view.cluster.settings, draft(objects)
    network = desired(view, CiliumNetwork)
    made.one("DaemonSet", "cilium")
    configuration = made.one("ConfigMap", "cilium-config")
    mode = made.text(configuration, "ipam")
    if mode not in (_OWN, _OF_NODES):
        raise missing(objects.origin, f"ipam {_OWN} or {_OF_NODES} in ConfigMap cilium-config (it says {mode})")
    data = configuration["data"]
    if mode == _OWN:
        made.text(configuration, "cluster-pool-ipv4-cidr")
        data["cluster-pool-ipv4-cidr"] = str(settings.pod_cidr)
    if network.interface:
        data["devices"] = network.interface
    if network.mtu or data.get("mtu", _MEASURE) == _MEASURE:
        data["mtu"] = str(plug_in_mtu(view))
    return made.done()


CILIUM = PlugIn(
    "cilium",
    files=("05-cilium.conflist", "05-cilium.conf"),
    daemon_sets=("kube-system/cilium",),
    needs=Needs(devices=("cilium_*", "lxc*"), routes=True),
    patch=patch,
    leaves=Leaves(
        files=(f"{CNI_DIRECTORY}/05-cilium.conflist", "/var/run/cilium"),
        links=("cilium_host", "cilium_net", "cilium_vxlan"),
        rules=("CILIUM_",),
    ),
)
