"""Cilium, from what `helm template` made of its chart: there is no manifest to fetch, and it has hundreds of settings.

Only what has to agree with the cluster is looked after here; all else is as it was rendered.
"""

from __future__ import annotations

from provisioner.core.objects import Objects
from provisioner.inventory.networks import CiliumNetwork
from provisioner.manifests.patching import draft, missing, wished
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.world.derived import plug_in_mtu
from provisioner.world.view import View

# Its own modes of handing out addresses that know of the pods' network; others belong to clouds.
_OWN, _OF_NODES = "cluster-pool", "kubernetes"
# The size of packets where nobody has said one: that of the interface.
_MEASURE = "0"


def patch(objects: Objects, view: View) -> Objects:
    """The pods' network where Cilium hands it out itself, the interface, and the size of packets."""
    settings, made = view.cluster.settings, draft(objects)
    network = wished(view, CiliumNetwork)
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
