"""The pods' network: configured, routed now and after a reboot, and everyone reaches everyone."""

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

_ROUTES = "the pods' network of this node is not set up: `provisioner apply` fixes it"
_CONFIGURATION = f"{APPLY}; a file of another network: move it away, and find out what has put it there"
_PROXY = "kube-proxy sets the Service's rules: kubectl -n kube-system logs -l k8s-app=kube-proxy"
_FIREWALL = "check routes and the firewall between these nodes (iptables FORWARD, security groups)"
_HAIRPIN = "the plug-in's bridge or links need hairpin mode, and kube-proxy has to masquerade (clusterCIDR)"
_DNS = "kubectl -n kube-system get pods -l k8s-app=kube-dns"
_KUBELET = "journalctl -u kubelet on that machine tells why"
_POLICIES = "the log of the plug-in's pod on the node tells what it made of the policy"

# What the plug-in itself is called in its configuration. One of a manifest of one's own is known to nobody here.
_PLUG_INS = {
    "bridge": "bridge",
    "calico": "calico",
    "cilium": "cilium-cni",
    "flannel": "flannel",
    "kube-router": "bridge",
    "weave": "weave-net",
}
_ANY = '[^"]*'
_PODS = "kubectl get pods -A -o wide shows them; `kubectl describe` says what they wait for"

Others = Mapping[str, tuple[str, str]]


def test_plug_in_configuration(seen: Seen, node: Node, cluster: Cluster) -> None:
    """The pods' network is configured, once"""
    network = cluster.settings.network.type
    files = [path for path in seen.cni_files if path.endswith((".conf", ".conflist", ".json"))]
    if not files:
        expect_none(["/etc/cni/net.d has no configuration"], _CONFIGURATION)
    kind = re.compile(f'"type"\\s*:\\s*"{_PLUG_INS.get(network, _ANY)}"')
    mine = [path for path in files if kind.search(seen.cni_files[path])]
    others = [f"{path} is another network's configuration" for path in files if path not in mine]
    # Only this one is told its part of the pods' network in the file itself.
    told = mine if network == "bridge" else []
    ranges = [f"{path} does not give out {node.pod_cidr}" for path in told if node.pod_cidr not in seen.cni_files[path]]
    expect_none(others + ranges, _CONFIGURATION)


def test_plug_in_runs(kubectl: Kubectl, cluster: Cluster) -> None:
    """The network plug-in runs on every node"""
    network = cluster.settings.network.type
    found = kubectl.json("get", "daemonsets", "--all-namespaces", f"--selector=provisioner/network={network}")["items"]
    if not found and network not in ("bridge", "none"):
        expect_none([f"there is no DaemonSet of {network}"], "`provisioner apply` brings it")
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
        pytest.skip(f"routes are {network}'s own matter: whether pods reach each other is seen")


def test_routes(seen: Seen, other_nodes: Others, cluster: Cluster) -> None:
    """There is a route to the pods of every other node"""
    _require_own_routes(cluster)
    expect_none(findings.missing_routes(seen.routes, other_nodes), _ROUTES)


def test_routes_last(seen: Seen, other_nodes: Others, cluster: Cluster) -> None:
    """The routes will be there after a reboot"""
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
    raise NotChecked(machine.name, f"the node {machine.name} is not well")


def test_probes_come_and_go(survey: Survey) -> None:
    """The probes' namespace is made and removed"""
    if survey.idle:
        raise NotChecked(CLUSTER, "no node is well")
    expect_none([survey.trouble] if survey.trouble else [], "")


def _reached(survey: Survey, path: NetworkPath, machine: Host, hint: str, lacking: str = "") -> None:
    """Fail with what the node did not reach on that path; the hint is the likely cause, or where to look for it.

    `lacking` is the reason to skip when nobody was asked on that path, though a probe runs there.
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
    """Nothing on the machine is in the way of what does not reach its target"""
    expect_no_problems(cause for cause in survey.causes if cause.where == machine.name)


def test_nothing_in_the_cluster(survey: Survey) -> None:
    """Nothing in the cluster itself is in the way of what does not reach its target"""
    expect_no_problems(cause for cause in survey.causes if cause.where == CLUSTER)


def test_pod_reaches_pods(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches the pod on every node"""
    _reached(survey, NetworkPath.POD_TO_POD, machine, _FIREWALL)


def test_pod_reaches_service(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches a Service, and the pod on every node by one"""
    _reached(survey, NetworkPath.POD_TO_SERVICE, machine, _PROXY)


def test_pod_reaches_itself(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches itself by a Service"""
    _reached(survey, NetworkPath.HAIRPIN, machine, _HAIRPIN)


def test_pod_reaches_api_server(survey: Survey, machine: Host) -> None:
    """A pod on the node reaches the API server"""
    _reached(survey, NetworkPath.API_SERVER, machine, _PROXY)


def test_machine_reaches_pods(survey: Survey, machine: Host) -> None:
    """The machine reaches the pod on every node"""
    _reached(survey, NetworkPath.MACHINE_TO_POD, machine, _FIREWALL)


def test_machine_reaches_service(survey: Survey, machine: Host) -> None:
    """The machine reaches a Service, and the pod on every node by one"""
    _reached(survey, NetworkPath.MACHINE_TO_SERVICE, machine, _PROXY)


def test_machine_reaches_node_ports(survey: Survey, machine: Host) -> None:
    """The machine reaches the NodePort of every node"""
    _reached(survey, NetworkPath.NODE_PORT, machine, _PROXY)


def test_largest_packet(survey: Survey, machine: Host) -> None:
    """The largest packet of a pod on the node reaches the pod on every other node in one piece"""
    _reached(survey, NetworkPath.LARGEST_PACKET, machine, _FIREWALL, "no other node, or no ping on the machine")


def test_dns(survey: Survey, machine: Host, dns: NameServers | None) -> None:
    """A pod on the node can look up the names of Services, and is told their addresses"""
    if not dns:
        pytest.skip("the cluster has no DNS server")
    _reached(survey, NetworkPath.DNS_INSIDE, machine, _DNS)


def test_names_of_the_world(survey: Survey, machine: Host, dns: NameServers | None) -> None:
    """A pod on the node can look up names of the world"""
    if not dns:
        pytest.skip("the cluster has no DNS server")
    _reached(survey, NetworkPath.DNS_OUTSIDE, machine, _DNS, "the machines cannot look them up either")


def test_policies_allow(survey: Survey, machine: Host, asked: Asked) -> None:
    """What a NetworkPolicy allows, reaches the pod on every other node"""
    _reached(survey, NetworkPath.POLICY_ALLOW, machine, _POLICIES, _no_policies(asked))


def test_policies_deny(survey: Survey, machine: Host, asked: Asked) -> None:
    """What a NetworkPolicy denies, reaches no pod"""
    _reached(survey, NetworkPath.POLICY_DENY, machine, _POLICIES, _no_policies(asked))


def _no_policies(asked: Asked) -> str:
    return "no other node" if asked.policies else "the network plug-in does not promise to heed NetworkPolicies"
