from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provisioner.inventory.values import Taint, Version
from provisioner.verification import objects
from provisioner.verification.objects import NameServers, Node, Pod
from tests.unit.verification.conftest import a_host, recorded_json

VERSION = Version(1, 20, 2)


@pytest.fixture
def nodes() -> dict[str, Node]:
    return objects.nodes(recorded_json("nodes.json"))


def test_real_nodes_are_understood(nodes: dict[str, Node]) -> None:
    assert sorted(nodes) == ["cp1", "w1", "w2"]
    assert all(node.ready for node in nodes.values())
    assert nodes["w1"].pod_cidr == "10.244.1.0/24"
    assert nodes["w1"].address == "10.213.0.129"
    assert nodes["cp1"].taints == {"node-role.kubernetes.io/master:NoSchedule"}
    assert nodes["w1"].labels["kubernetes.io/hostname"] == "w1"


def test_real_pods_are_understood() -> None:
    pods = objects.pods(recorded_json("pods.json"))
    assert all(pod.fine for pod in pods)
    assert objects.absent_pods(pods, objects.expected_pods(["cp1"], ["cp1", "w1", "w2"])) == []
    assert objects.absent_pods(pods, objects.expected_pods(["cp1", "cp2"], ["cp1"]))[0] == "there is no etcd-cp2 on cp2"


def test_a_node_that_has_just_been_made_is_not_ready() -> None:
    bare = {"metadata": {"name": "w9"}, "spec": {}, "status": {"nodeInfo": {"kubeletVersion": ""}}}
    node = objects.nodes({"items": [bare]})["w9"]
    assert objects.not_ready(node, VERSION)[0] == "the node is not Ready: the kubelet has not reported"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        (
            {"ready": False, "why": "Kubelet stopped posting node status."},
            ["the node is not Ready: Kubelet stopped posting node status."],
        ),
        ({"version": "v1.20.3"}, ["the node runs v1.20.3, not v1.20.2"]),
    ],
)
def test_nodes_are_ready_at_the_desired_version(
    nodes: dict[str, Node], change: dict[str, Any], wrong: list[str]
) -> None:
    assert objects.not_ready(replace(nodes["w1"], **change), VERSION) == wrong


def test_a_node_that_is_not_there() -> None:
    assert objects.not_ready(None, VERSION) == ["the cluster has no node of this name"]


def test_desired_labels_are_compared_and_others_left_alone(nodes: dict[str, Node]) -> None:
    node = replace(nodes["w1"], labels={"disk": "hdd", "other": "x"})
    assert objects.label_problems(node, a_host(node_labels={"disk": "ssd", "zone": "a"})) == [
        "label disk is 'hdd', desired 'ssd'",
        "label zone is missing, desired 'a'",
    ]
    assert objects.label_problems(node, a_host(node_labels={"disk": "hdd"})) == []


@pytest.mark.parametrize(
    ("seen", "desired", "wrong"),
    [
        ({"a=b:NoSchedule"}, None, []),
        ({"a=b:NoSchedule"}, ("a=b:NoSchedule",), []),
        ({"a=b:NoSchedule"}, (), ["taint a=b:NoSchedule is not desired"]),
        (set(), ("a=b:NoSchedule", "c:NoExecute"), ["taint a=b:NoSchedule is missing", "taint c:NoExecute is missing"]),
        ({"node.kubernetes.io/not-ready:NoExecute"}, (), []),
    ],
)
def test_taints(nodes: dict[str, Node], seen: set[str], desired: tuple[str, ...] | None, wrong: list[str]) -> None:
    host = a_host(node_taints=None if desired is None else tuple(map(Taint.parse, desired)))
    assert objects.taint_problems(replace(nodes["w1"], taints=frozenset(seen)), host) == wrong


@pytest.mark.parametrize(
    ("pod", "fine", "hopeless", "words"),
    [
        (Pod("p", "w1", "Running", True), True, False, "p on w1 is Running but not ready"),
        (Pod("p", "w1", "Running", False), False, False, "p on w1 is Running but not ready"),
        (Pod("p", "w1", "Succeeded", False), True, False, "p on w1 is Succeeded"),
        (Pod("p", "w1", "Pending", False, waiting="ErrImageNeverPull"), False, True, "p on w1 is ErrImageNeverPull"),
        (Pod("p", "w1", "Running", False, waiting="CrashLoopBackOff"), False, False, "p on w1 is CrashLoopBackOff"),
        (
            Pod("p", "w1", "Pending", False, waiting="CreateContainerConfigError"),
            False,
            False,
            "p on w1 is CreateContainerConfigError",
        ),
        (Pod("p", "", "Pending", False), False, False, "p on no node is Pending"),
    ],
)
def test_pods(pod: Pod, fine: bool, hopeless: bool, words: str) -> None:
    assert (pod.fine, pod.hopeless, str(pod)) == (fine, hopeless, words)


@pytest.mark.parametrize(
    ("reason", "lacks"),
    [("is ErrImageNeverPull", True), ("is CreateContainerConfigError", False), ("was not created", False)],
)
def test_what_is_said_of_images_is_said_of_images_alone(reason: str, lacks: bool) -> None:
    assert objects.lacks_image(reason) is lacks


def test_why_a_container_waits_is_read() -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff"}}}
    item = {
        "metadata": {"name": "p"},
        "spec": {"nodeName": "w1"},
        "status": {"phase": "Pending", "containerStatuses": [waiting]},
    }
    assert objects.pods({"items": [item]})[0].hopeless


def test_what_no_node_takes_says_why_and_is_not_waited_for_as_long_as_static_pods() -> None:
    message = "0/3 nodes are available: 3 node(s) had taints that the pod didn't tolerate."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    status = {"phase": "Pending", "conditions": [condition]}
    (dns,) = objects.pods({"items": [{"metadata": {"name": "coredns-1"}, "spec": {}, "status": status}]})
    assert str(dns) == f"coredns-1 on no node is Pending: {message}"
    etcd, lost = Pod("etcd-cp1", "cp1", "Running", False), Pod("kube-proxy-1", "w2", "Running", False)
    seen = (etcd, dns, lost)
    assert objects.hopeful(seen, {"cp1", "w1"}, static=False) == dns.told(", which ")
    assert objects.hopeful(seen, {"cp1", "w1"}, static=True) == etcd.told(", which ")
    assert objects.hopeful((lost, replace(dns, waiting="ImagePullBackOff")), {"cp1"}, static=False) == ""


SERVICE = {"kind": "Service", "spec": {"clusterIP": "10.96.0.10"}}
DEPLOYMENT = {"kind": "Deployment", "spec": {}}
READY = {"addresses": [{"ip": "10.244.2.2", "nodeName": "w2"}], "notReadyAddresses": [{"nodeName": "w1"}]}


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([], None),
        ([DEPLOYMENT], NameServers()),
        ([SERVICE, {"kind": "Endpoints"}, DEPLOYMENT], NameServers("10.96.0.10")),
        ([SERVICE, {"kind": "Endpoints", "subsets": [READY]}], NameServers("10.96.0.10", ("w2",))),
    ],
)
def test_the_clusters_dns(items: list[dict[str, Any]], found: NameServers | None) -> None:
    assert objects.name_servers({"items": items}) == found
