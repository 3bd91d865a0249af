"""What the cluster reports: its nodes and system pods as values, and what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.inventory.model import Host
from provisioner.inventory.values import Taint, Version

# Reasons for which waiting does not help: the container has no image; see kubernetes/pkg/kubelet/images/types.go.
# CreateContainerConfigError is not one: a kubelet that has just started reports it until it has read the Services.
_HOPELESS = frozenset({"ErrImageNeverPull", "ImagePullBackOff", "ErrImagePull", "InvalidImageName"})
# Taints that the cluster sets by itself to show a node's condition: kubernetes.io, "Taints and Tolerations".
_CONDITION = "node.kubernetes.io/"
_STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True, slots=True)
class Node:
    """A Kubernetes Node; `why` is the kubelet's message when it is not ready, `runtime` such as docker://20.10.24."""

    name: str
    ready: bool
    why: str
    version: str
    address: str
    pod_cidr: str
    labels: Mapping[str, str]
    taints: frozenset[str]
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod; `waiting` is why a container does not run, `unplaced` why it is not scheduled; `ip` may still be empty."""

    name: str
    node: str
    phase: str
    ready: bool
    ip: str = ""
    waiting: str = ""
    unplaced: str = ""

    @property
    def static(self) -> bool:
        """A static pod: the kubelet runs it from a file."""
        return self.name.startswith(_STATIC_PODS)

    @property
    def fine(self) -> bool:
        """It runs and is ready, or it has completed."""
        return self.phase == "Succeeded" or (self.phase == "Running" and self.ready)

    @property
    def hopeless(self) -> bool:
        """Waiting longer will not help."""
        return self.waiting in _HOPELESS

    def told(self, link: str = " ") -> str:
        """`etcd-cp1 on cp1 is Running but not ready`; `link` stands before the verb."""
        state = self.waiting or ("Running but not ready" if self.phase == "Running" else self.phase)
        why = f": {self.unplaced}" if self.unplaced else ""
        return f"{self.name} on {self.node or 'no node'}{link}is {state}{why}"

    def __str__(self) -> str:
        return self.told()


@dataclass(frozen=True, slots=True)
class NameServers:
    """The cluster's DNS: the address of its Service, empty without one, and the nodes of the pods that answer."""

    address: str = ""
    nodes: tuple[str, ...] = ()


def name_servers(listed: dict[str, Any]) -> NameServers | None:
    """The cluster's DNS, found by the label that kubeadm gives it; None when nothing has this label."""
    items = listed["items"]
    services = [item["spec"].get("clusterIP", "") for item in items if item["kind"] == "Service"]
    subsets = (subset for item in items if item["kind"] == "Endpoints" for subset in item.get("subsets") or ())
    ready = tuple(address.get("nodeName", "") for subset in subsets for address in subset.get("addresses") or ())
    return NameServers(next(iter(services), ""), ready) if items else None


def nodes(listed: dict[str, Any]) -> dict[str, Node]:
    """Nodes by name from `kubectl get nodes -o json`."""
    return {node.name: node for node in map(_node, listed["items"])}


def _node(item: dict[str, Any]) -> Node:
    status, spec, metadata = item["status"], item["spec"], item["metadata"]
    ready: dict[str, str] = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {})
    addresses = (a["address"] for a in status.get("addresses", []) if a["type"] == "InternalIP")
    return Node(
        name=metadata["name"],
        ready=ready.get("status") == "True",
        why=ready.get("message", "the kubelet has not reported"),
        version=status["nodeInfo"]["kubeletVersion"],
        address=next(addresses, ""),
        pod_cidr=spec.get("podCIDR", ""),
        labels=metadata.get("labels", {}),
        runtime=str(status["nodeInfo"].get("containerRuntimeVersion", "")),
        taints=frozenset(_taint(taint) for taint in spec.get("taints", [])),
    )


def _taint(item: dict[str, str]) -> str:
    return str(Taint(item["key"], item.get("value", ""), item["effect"]))


def pods(listed: dict[str, Any]) -> tuple[Pod, ...]:
    """Pods from `kubectl get pods -o json`."""
    return tuple(_pod(item) for item in listed["items"])


def _pod(item: dict[str, Any]) -> Pod:
    status = item.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    placed = conditions.get("PodScheduled", {})
    states = (container.get("state", {}) for container in status.get("containerStatuses", []))
    waiting = (state["waiting"].get("reason", "waiting") for state in states if "waiting" in state)
    return Pod(
        name=item["metadata"]["name"],
        node=item["spec"].get("nodeName", ""),
        phase=status.get("phase", "Unknown"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        unplaced=placed.get("message", "") if placed.get("status") == "False" else "",
        ip=status.get("podIP", ""),
        waiting=next(waiting, ""),
    )


def lacks_image(reason: str) -> bool:
    """Whether a pod does not start because of its image; `reason` in words, such as `is ErrImageNeverPull`."""
    return any(word in reason for word in _HOPELESS)


def hopeful(seen: Iterable[Pod], sound: Collection[str], *, static: bool) -> str:
    """The first pod that may still become ready, in words; waiting does not help on a node that is not sound."""
    awaited = (pod for pod in seen if not pod.fine and not pod.hopeless and pod.static is static)
    return next((pod.told(", which ") for pod in awaited if pod.node in {*sound, ""}), "")


def other_runtime(node: Node, desired: str) -> list[str]:
    """The kubelet reports another container runtime."""
    used = node.runtime.partition("://")[0]
    return [] if used == desired else [f"the node's pods run with {used or 'nothing'}, not with {desired}"]


def not_ready(node: Node | None, desired: Version) -> list[str]:
    """A node that is missing, not Ready, or of another version."""
    if node is None:
        return ["the cluster has no node of this name"]
    ready = [] if node.ready else [f"the node is not Ready: {node.why}"]
    version = [] if node.version == f"v{desired}" else [f"the node runs {node.version}, not v{desired}"]
    return ready + version


def label_problems(node: Node, host: Host) -> list[str]:
    """Desired labels that are missing or different; other labels are allowed."""
    seen = {key: node.labels.get(key) for key in host.node_labels}
    return [
        f"label {key} is {'missing' if seen[key] is None else repr(seen[key])}, desired {value!r}"
        for key, value in host.node_labels.items()
        if seen[key] != value
    ]


def taint_problems(node: Node, host: Host) -> list[str]:
    """Taints that are missing or too many, where the inventory says which ones the node has."""
    if host.node_taints is None:
        return []
    desired = {str(taint) for taint in host.node_taints}
    seen = {taint for taint in node.taints if not taint.startswith(_CONDITION)}
    missing = [f"taint {taint} is missing" for taint in sorted(desired - seen)]
    return missing + [f"taint {taint} is not desired" for taint in sorted(seen - desired)]


def expected_pods(control_planes: Iterable[str], every_node: Iterable[str]) -> list[tuple[str, str]]:
    """(prefix of the name, node) of each pod that a kubeadm cluster has in kube-system."""
    static = [(f"{part}-{name}", name) for name in control_planes for part in _STATIC_PODS]
    return static + [("kube-proxy-", name) for name in every_node]


def absent_pods(seen: Iterable[Pod], expected: Iterable[tuple[str, str]]) -> list[str]:
    """Pods that kubeadm creates and that do not exist."""
    seen = tuple(seen)
    return [
        f"there is no {start.rstrip('-')} on {node}"
        for start, node in expected
        if not any(pod.name.startswith(start) and pod.node == node for pod in seen)
    ]
