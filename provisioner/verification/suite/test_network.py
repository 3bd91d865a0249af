"""The pod network: configured, routed now and after a reboot, and every node can reach every other."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from provisioner.inventory.model import Cluster, Host
from provisioner.verification import findings
from provisioner.verification.causes import of
from provisioner.verification.expect import APPLY, NotChecked, expect_no_problems, expect_none
from provisioner.verification.kubectl import Kubectl
from provisioner.verification.objects import NameServers, Node, lacks_image
from provisioner.verification.paths import CLUSTER, NetworkPath, sentences
from provisioner.verification.probe_objects import where_from
from provisioner.verification.seen import Seen
from provisioner.verification.survey import Survey
from provisioner.verification.walk import Asked

pytestmark = pytest.mark.network

_ROUTES = "the pod network of this node is not set up: `provisioner apply` fixes it"
_CONFIGURATION = f"{APPLY}; move away a file of another network, and find out what has put it there"
_PROXY = "kube-proxy sets the Service's rules: kubectl -n kube-system logs -l k8s-app=kube-proxy"
_FIREWALL = "check routes and the firewall between these nodes (iptables FORWARD, security groups)"
_HAIRPIN = "the plug-in's bridge or links need hairpin mode, and kube-proxy has to masquerade (clusterCIDR)"
_DNS = "kubectl -n kube-system get pods -l k8s-app=kube-dns"
_KUBELET = "journalctl -u kubelet on that host shows why"
_POLICIES = "the log of the plug-in's pod on the node shows how it handled the policy"

# The plug-in's own name in its configuration. For a plug-in from the user's own manifest the name is not known here.
_PLUG_INS = {
    "bridge": "bridge",
    "calico": "calico",
    "cilium": "cilium-cni",
    "flannel": "flannel",
    "kube-router": "bridge",
    "weave": "weave-net",
}
# The bridge that each plug-in gives an address of the node's pod CIDR.
_BRIDGES = {"bridge": "cni0", "flannel": "cni0", "kube-router": "kube-bridge"}
_OLD_BRIDGE = "the Node object was deleted and created again: `provisioner apply` removes the bridge, and the old pods"
_ANY = '[^"]*'
_PODS = "kubectl get pods -A -o wide shows them; `kubectl describe` shows what they wait for"

Others = Mapping[str, tuple[str, str]]


def test_plug_in_configuration(seen: Seen, node: Node, cluster: Cluster) -> None:
    """The pod network is configured, and no other one"""
    network = cluster.settings.network.type
    files = [path for path in seen.cni_files if path.endswith((".conf", ".conflist", ".json"))]
    if not files:
        expect_none(["/etc/cni/net.d has no configuration"], _CONFIGURATION)
    kind = re.compile(f'"type"\\s*:\\s*"{_PLUG_INS.get(network, _ANY)}"')
    mine = [path for path in files if kind.search(seen.cni_files[path])]
    others = [f"{path} is another network's configuration" for path in files if path not in mine]
    # Only the bridge plug-in has its pod CIDR in the file itself.
    own = mine if network == "bridge" else []
    ranges = [f"{path} does not use {node.pod_cidr}" for path in own if node.pod_cidr not in seen.cni_files[path]]
    expect_none(others + ranges, _CONFIGURATION)


def test_bridge(seen: Seen, node: Node, cluster: Cluster) -> None:
    """The bridge of the pods has an address of the node's pod CIDR"""
    network = cluster.settings.network.type
    if network not in _BRIDGES:
        pytest.skip(f"{network} has no bridge, or none whose addresses are known")
    expect_none(findings.old_bridge(seen, _BRIDGES[network], node.pod_cidr), _OLD_BRIDGE)


def test_plug_in_runs(kubectl: Kubectl, cluster: Cluster) -> None:
    """The network plug-in runs on every node"""
    network = cluster.settings.network.type
    found = kubectl.json("get", "daemonsets", "--all-namespaces", f"--selector=provisioner/network={network}")["items"]
    if not found and network not in ("bridge", "none"):
        expect_none([f"there is no DaemonSet of {network}"], "`provisioner apply` creates it")
    counts = [(item["metadata"]["name"], item["status"]) for item in found]
    expect_none(
        [
            f"{name} is ready on {status.get('numberReady', 0)} of {status['desiredNumberScheduled']} nodes"
            for name, status in counts
            if status.get("numberReady", 0) < status["desiredNumberScheduled"]
        ],
        _PODS,
    )


def _require_own_routes(cluster: Cluster) -> None:
    network = cluster.settings.network.type
    if network != "bridge":
        pytest.skip(f"{network} manages its own routes: whether pods can reach each other is checked instead")


def test_routes(seen: Seen, other_nodes: Others, cluster: Cluster) -> None:
    """The node has a route to the pods of every other node"""
    _require_own_routes(cluster)
    expect_none(findings.missing_routes(seen.routes, other_nodes), _ROUTES)


def test_routes_last(seen: Seen, other_nodes: Others, cluster: Cluster) -> None:
    """The routes still exist after a reboot"""
    _require_own_routes(cluster)
    expect_none(findings.fleeting_routes(seen, other_nodes), _ROUTES)


def test_probe(survey: Survey, machine: Host, sound: frozenset[str], asked: Asked, cluster: Cluster) -> None:
    """A pod starts on the node"""
    if machine.name in survey.pod_ips:
        return
    if machine.name in survey.missing:
        reason = survey.missing[machine.name]
        hint = where_from(asked.image, cluster.settings) if lacks_image(reason) else _KUBELET
        expect_none([f"the probe on {machine.name} {reason} (image {asked.image})"], hint)
    if machine.name in sound:
        raise NotChecked(CLUSTER, survey.trouble)
    raise NotChecked(machine.name, f"the node {machine.name} is not healthy")


def test_probes_come_and_go(survey: Survey) -> None:
    """The probes' namespace is created and removed"""
    if survey.idle:
        raise NotChecked(CLUSTER, "no node is healthy")
    expect_none([survey.trouble] if survey.trouble else [], "")


def _reached(survey: Survey, path: NetworkPath, machine: Host, hint: str, lacking: str = "") -> None:
    """Fail with what the node did not reach on that path; the hint is the likely cause, or where to look for it.

    `lacking` is the reason to skip when nothing was asked on that path although a probe runs there.
    """
    heard = survey.by(path, machine.name)
    if not heard:
        if lacking and machine.name in survey.pod_ips:
            pytest.skip(lacking)
        raise NotChecked(machine.name, f"no probe runs on {machine.name}")
    wrong = [reach for reach in heard if not reach.ok]
    found = dict.fromkeys(cause for reach in wrong for cause in of(reach, survey.causes))
    likely = "; ".join(f"{cause.where}: {cause.message}" for cause in found)
    expect_none(sentences(wrong), f"likely cause: {likely}" if likely else hint)


def test_nothing_in_the_way(survey: Survey, machine: Host) -> None:
    """Nothing on the host is the cause of a path that does not work"""
    expect_no_problems(cause for cause in survey.causes if cause.where == machine.name)


def test_nothing_in_the_cluster(survey: Survey) -> None:
    """Nothing in the cluster itself is the cause of a path that does not work"""
    expect_no_problems(cause for cause in survey.causes if cause.where == CLUSTER)


def test_pod_reaches_pods(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches the pod on every node"""
    _reached(survey, NetworkPath.POD_TO_POD, machine, _FIREWALL)


def test_pod_reaches_service(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches a Service, and the pod on every node through one"""
    _reached(survey, NetworkPath.POD_TO_SERVICE, machine, _PROXY)


def test_pod_reaches_itself(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches itself through a Service"""
    _reached(survey, NetworkPath.HAIRPIN, machine, _HAIRPIN)


def test_pod_reaches_api_server(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches the API server"""
    _reached(survey, NetworkPath.API_SERVER, machine, _PROXY)


def test_machine_reaches_pods(survey: Survey, machine: Host) -> None:
    """The host reaches the pod on every node"""
    _reached(survey, NetworkPath.MACHINE_TO_POD, machine, _FIREWALL)


def test_machine_reaches_service(survey: Survey, machine: Host) -> None:
    """The host reaches a Service, and the pod on every node through one"""
    _reached(survey, NetworkPath.MACHINE_TO_SERVICE, machine, _PROXY)


def test_machine_reaches_node_ports(survey: Survey, machine: Host) -> None:
    """The host reaches the NodePort of every node"""
    _reached(survey, NetworkPath.NODE_PORT, machine, _PROXY)


def test_largest_packet(survey: Survey, machine: Host) -> None:
    """Packets as large as the pods' MTU reach the pod on every other node unfragmented"""
    _reached(survey, NetworkPath.PATH_MTU, machine, _FIREWALL, "no other node, or no ping on the host")


def test_dns(survey: Survey, machine: Host, dns: NameServers | None) -> None:
    """A pod on the node can look up the names of Services and gets their addresses"""
    if not dns:
        pytest.skip("the cluster has no DNS server")
    _reached(survey, NetworkPath.DNS_INSIDE, machine, _DNS)


def test_names_of_the_world(survey: Survey, machine: Host, dns: NameServers | None) -> None:
    """A pod on the node can look up names outside the cluster"""
    if not dns:
        pytest.skip("the cluster has no DNS server")
    _reached(survey, NetworkPath.DNS_OUTSIDE, machine, _DNS, "the hosts cannot look them up either")


def test_policies_allow(survey: Survey, machine: Host, asked: Asked) -> None:
    """What a NetworkPolicy allows reaches the pod on every other node"""
    _reached(survey, NetworkPath.POLICY_ALLOW, machine, _POLICIES, _no_policies(asked))


def test_policies_deny(survey: Survey, machine: Host, asked: Asked) -> None:
    """What a NetworkPolicy denies reaches no pod"""
    _reached(survey, NetworkPath.POLICY_DENY, machine, _POLICIES, _no_policies(asked))


def _no_policies(asked: Asked) -> str:
    return "no other node" if asked.policies else "the network plug-in does not promise to honour NetworkPolicies"
