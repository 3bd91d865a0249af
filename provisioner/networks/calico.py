"""Calico: routes by VXLAN, or by BGP through IP in IP, with network policies."""

from __future__ import annotations

from provisioner.core.objects import Objects
from provisioner.inventory.networks import CalicoNetwork
from provisioner.manifests.patching import desired, draft, missing, set_variable
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.world.derived import plug_in_mtu
from provisioner.world.view import View

_BACKENDS = {"vxlan": "vxlan", "ipip": "bird"}


def _modules(view: View) -> tuple[str, ...]:
    network = view.cluster.settings.network
    return ({"vxlan": "vxlan", "ipip": "ipip"}[network.encapsulation],) if isinstance(network, CalicoNetwork) else ()


def patch(objects: Objects, view: View) -> Objects:
    """The pod network, each node's address, and the MTU; the encapsulation is that of the manifest."""
    settings, made = view.cluster.settings, draft(objects)
    network = desired(view, CalicoNetwork)
    configuration = made.one("ConfigMap", "calico-config")
    if made.text(configuration, "calico_backend") != _BACKENDS[network.encapsulation]:
        raise missing(objects.origin, f"backend for {network.encapsulation} in ConfigMap calico-config")
    made.text(configuration, "veth_mtu")
    configuration["data"]["veth_mtu"] = str(plug_in_mtu(view))
    node = made.container(made.one("DaemonSet", "calico-node"), "calico-node")
    # Upstream has this variable in a comment. Without it, Calico would use 192.168.0.0/16, which many hosts are in.
    set_variable(node, "CALICO_IPV4POOL_CIDR", str(settings.pod_cidr))
    # The address that the node is registered with is the decided one, whatever the first interface is.
    method = f"interface={network.interface}" if network.interface else "kubernetes-internal-ip"
    set_variable(node, "IP_AUTODETECTION_METHOD", method)
    return made.done()


CALICO = PlugIn(
    "calico",
    files=("10-calico.conflist", "calico-kubeconfig"),
    daemon_sets=("kube-system/calico-node", "calico-system/calico-node"),
    needs=Needs(devices=("cali*", "tunl*", "vxlan.calico", "vxlan-v6.calico", "wireguard.cali"), modules=_modules),
    patch=patch,
    leaves=Leaves(
        files=(
            f"{CNI_DIRECTORY}/10-calico.conflist",
            f"{CNI_DIRECTORY}/calico-kubeconfig",
            "/var/lib/calico",
            "/var/run/calico",
        ),
        links=("vxlan.calico", "vxlan-v6.calico", "tunl0", "wireguard.cali"),
        rules=("cali-",),
        route_protocols=("80", "12"),
    ),
)
