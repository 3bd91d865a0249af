"""kube-router: plain routes by BGP with network policies, together with kube-proxy or instead of it."""

from __future__ import annotations

import json

from provisioner.core.objects import Object, Objects
from provisioner.inventory.networks import KubeRouterNetwork
from provisioner.manifests.patching import Draft, desired, draft, missing, set_argument, set_json
from provisioner.networks.plug_in import CNI_DIRECTORY, Leaves, Needs, PlugIn
from provisioner.world.derived import api_endpoint, plug_in_mtu
from provisioner.world.view import View

# Its own kubeconfig, as there is no kube-proxy whose file it could read. Kubernetes puts CA and token into its pod.
_KUBECONFIG = "provisioner-kube-router"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def replaces_kube_proxy(view: View) -> bool:
    """Whether the cluster has no kube-proxy because of it."""
    network = view.cluster.settings.network
    return isinstance(network, KubeRouterNetwork) and network.service_proxy


def _modules(view: View) -> tuple[str, ...]:
    # It loads other modules that it needs by itself; these are those that it needs to replace kube-proxy.
    return ("ip_vs", "ip_vs_rr", "ip_vs_sh") if replaces_kube_proxy(view) else ()


def patch(objects: Objects, view: View) -> Objects:
    """The MTU and the network of Services; and, when it replaces kube-proxy, how to reach the API server.

    It gets the pod network from the nodes.
    """
    settings, made = view.cluster.settings, draft(objects)
    network = desired(view, KubeRouterNetwork)
    router = made.container(made.one("DaemonSet", "kube-router"), "kube-router")
    if f"--run-service-proxy={str(network.service_proxy).lower()}" not in router.get("args", ()):
        raise missing(objects.origin, f"argument --run-service-proxy={str(network.service_proxy).lower()}")
    set_argument(router, "service-cluster-ip-range", str(settings.service_cidr))
    configuration = made.one("ConfigMap", "kube-router-cfg")
    cni = made.parsed(configuration, "cni-conf.json")
    first, *others = cni["plugins"]
    set_json(configuration, "cni-conf.json", {**cni, "plugins": [{**first, "mtu": plug_in_mtu(view)}, *others]})
    # Otherwise it would overwrite that with the MTU of its own interface.
    set_argument(router, "auto-mtu", "false")
    if not network.service_proxy:
        return made.done()
    _use_own_kubeconfig(made)
    return made.done(_kubeconfig(str(api_endpoint(view))))


def _use_own_kubeconfig(made: Draft) -> None:
    volumes = made.one("DaemonSet", "kube-router")["spec"]["template"]["spec"].get("volumes", ())
    found = [volume for volume in volumes if volume.get("configMap", {}).get("name") == "kube-proxy"]
    if not found:
        raise missing(made.origin, "volume from ConfigMap kube-proxy in DaemonSet kube-router")
    found[0]["configMap"]["name"] = _KUBECONFIG


def _kubeconfig(endpoint: str) -> Object:
    """It cannot reach the API server by its Service: kube-router itself has to make Services work."""
    cluster = {"certificate-authority": f"{_ACCOUNT}/ca.crt", "server": f"https://{endpoint}"}
    named = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default", "cluster": cluster}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        "current-context": "default",
        "users": [{"name": "default", "user": {"tokenFile": f"{_ACCOUNT}/token"}}],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _KUBECONFIG, "namespace": "kube-system"},
        "data": {"kubeconfig.conf": json.dumps(named, indent=2) + "\n"},
    }


KUBE_ROUTER = PlugIn(
    "kube-router",
    files=("10-kuberouter.conflist", "10-kuberouter.conf"),
    daemon_sets=("kube-system/kube-router",),
    needs=Needs(devices=("kube-bridge", "kube-dummy-if", "tun-*"), routes=True, modules=_modules),
    patch=patch,
    leaves=Leaves(
        files=(f"{CNI_DIRECTORY}/10-kuberouter.conflist", "/var/lib/kube-router"),
        links=("kube-bridge", "kube-dummy-if"),
        bridges=("kube-bridge",),
        rules=("KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"),
        route_protocols=("17",),
    ),
)
