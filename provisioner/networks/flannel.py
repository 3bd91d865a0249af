"""Flannel: a network between the nodes by VXLAN or by plain routes, from the node pod CIDRs."""

from __future__ import annotations

from provisioner.catalog.networks import added_bytes
from provisioner.core.objects import Objects
from provisioner.inventory.networks import FlannelNetwork
from provisioner.manifests.patching import desired, draft, set_argument, set_json
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.world.derived import plug_in_mtu
from provisioner.world.view import View

_NODE_ADDRESS = "NODE_ADDRESS"


def _modules(view: View) -> tuple[str, ...]:
    network = view.cluster.settings.network
    return ("vxlan",) if isinstance(network, FlannelNetwork) and network.backend == "vxlan" else ()


def patch(objects: Objects, view: View) -> Objects:
    """The pod network, the backend, the interface, and the MTU."""
    settings, made = view.cluster.settings, draft(objects)
    network = desired(view, FlannelNetwork)
    configuration = made.one("ConfigMap", "kube-flannel-cfg")
    net = made.parsed(configuration, "net-conf.json")
    mtu = plug_in_mtu(view)
    backend = {**(net.get("Backend") or {}), "Type": network.backend}
    if network.backend == "vxlan":
        # The MTU of the outer packets: newer releases create their device with it, older ones do not read it.
        backend["MTU"] = mtu + added_bytes(network.type, network.backend)
    set_json(configuration, "net-conf.json", {**net, "Network": str(settings.pod_cidr), "Backend": backend})
    cni = made.parsed(configuration, "cni-conf.json")
    # With every backend, the plug-in passes this to the bridge instead of the value that it finds itself.
    first, *others = cni["plugins"]
    delegate = {**first.get("delegate", {}), "mtu": mtu}
    set_json(configuration, "cni-conf.json", {**cni, "plugins": [{**first, "delegate": delegate}, *others]})
    _set_interface(made.container(made.one("DaemonSet", "kube-flannel-ds"), "kube-flannel"), network.interface)
    return made.done()


def _set_interface(container: dict[str, object], interface: str | None) -> None:
    """The interface that is named; else the one with the node's own address, which each node fills in itself."""
    if interface:
        set_argument(container, "iface", interface)
        return
    own = {"name": _NODE_ADDRESS, "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
    variables = container.get("env")
    container["env"] = [*(variables if isinstance(variables, list) else []), own]
    set_argument(container, "iface", f"$({_NODE_ADDRESS})")


FLANNEL = PlugIn(
    "flannel",
    files=("10-flannel.conflist", "10-flannel.conf"),
    daemon_sets=("kube-flannel/kube-flannel-ds", "kube-system/kube-flannel-ds"),
    needs=Needs(devices=("flannel*",), routes=True, modules=_modules),
    patch=patch,
    leaves=Leaves(
        files=(
            f"{CNI_DIRECTORY}/10-flannel.conflist",
            "/run/flannel",
            "/var/lib/cni/flannel",
            "/var/lib/cni/networks/cbr0",
        ),
        links=("flannel.1", "flannel-v6.1", "cni0"),
        bridges=("cni0",),
        rules=("FLANNEL-",),
    ),
)
