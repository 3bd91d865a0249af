"""The simulated cluster that the machines of a world share: nodes, tokens, and what its controllers make of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote_plus

from provisioner.core.objects import Object
from provisioner.manifests.patching import LABEL
from provisioner.world.workloads import BUDGETS, DAEMON_SETS, LEASES, NODE_NETWORK, SYSTEM_PODS
from tests.builders import CA, CONFIGURATION, VERSION

# So long a node whose kubelet is silent still counts as Ready (node-monitor-grace-period).
GRACE_S = 40.0
TOKEN_LIFE_S = 1200.0


@dataclass
class FakeNode:
    """A node object. The controller manager gives it its pod CIDR a moment after it has appeared.

    Where its kubelet `lies`, what stands there is what a test has put there.
    """

    address: str
    pod_cidr: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: set[str] = field(default_factory=set)
    ready: bool = False
    heard_s: float = 0.0
    runtime: str = ""
    version: str = f"v{VERSION}"
    lies: bool = False


@dataclass
class FakeToken:
    """A bootstrap token; it serves to join with once its signature is in cluster-info."""

    secret: str
    description: str
    expires_s: float
    signed: bool = False


@dataclass
class FakeCluster:
    """What etcd holds, and how far the API server is: `down`, `starting` or `up`.

    `objects` are what was applied, as JSON by kind and name. `life` counts its certificate authorities; `given` counts
    the nodes' pod CIDRs; `api_started_s` is when the API server was started last. `idle_pods`, `budgets` and `pods`
    are what kubectl prints of pods that do not run, of disruption budgets, and of the pods of each node. `system_pods`
    are nodes and pods in kube-system, and whether they are Ready.
    """

    api: str = "down"
    life: int = 0
    nodes: dict[str, FakeNode] = field(default_factory=dict)
    tokens: dict[str, FakeToken] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    configuration: str = CONFIGURATION
    ca: str = CA
    given: int = 0
    kube_proxy: bool = False
    objects: dict[str, str] = field(default_factory=dict)
    api_started_s: float = 0.0
    idle_pods: list[str] = field(default_factory=list)
    budgets: list[str] = field(default_factory=list)
    pods: dict[str, list[str]] = field(default_factory=dict)
    system_pods: dict[str, bool] = field(default_factory=dict)

    def born(self) -> None:
        """A new cluster, without anything of the one before."""
        self.given = 0
        self.kube_proxy = False
        self.objects.clear()
        self.system_pods.clear()
        self.nodes.clear()
        self.tokens.clear()

    def enter(self, name: str, address: str, runtime: str, now_s: float) -> None:
        """A kubelet registers its node, or takes the existing object."""
        node = self.nodes.setdefault(name, FakeNode(address))
        node.heard_s = now_s
        if not node.lies:
            node.address, node.runtime = address, runtime

    def work(self, now_s: float) -> None:
        """A moment passes: the API server comes up, controllers do what is due."""
        if self.api == "starting":
            self.api, self.api_started_s = "up", now_s
            return
        if self.api != "up":
            return
        for identity, token in list(self.tokens.items()):
            token.signed = True
            if token.expires_s <= now_s:
                del self.tokens[identity]
        for node in self.nodes.values():
            if not node.pod_cidr:
                node.pod_cidr = f"10.244.{self.given}.0/24"
                self.given += 1

    def hear(self, name: str, now_s: float, *, alive: bool, networked: bool) -> None:
        """What a node's kubelet reports, or that it is silent."""
        node = self.nodes.get(name)
        if node is None:
            return
        if alive:
            node.ready, node.heard_s = networked, now_s
        elif now_s - node.heard_s > GRACE_S:
            node.ready = False

    def daemon_sets(self) -> list[Object]:
        """Those that were applied; kubeadm's own is not among them."""
        every = [json.loads(text) for text in self.objects.values()]
        return [item for item in every if item["kind"] == "DaemonSet"]

    def admits(self, token: str, now_s: float) -> bool:
        """Whether one may join with this token."""
        identity, _, secret = token.partition(".")
        known = self.tokens.get(identity)
        return bool(self.api == "up" and known and known.secret == secret and known.signed and known.expires_s > now_s)

    def told(self) -> dict[str, str]:
        """The parts of a look that only a control plane can report."""
        if self.api != "up":
            return {"api": "unreachable\n"}
        rows = [_row(name, node) for name, node in self.nodes.items()]
        rows += [_daemon_set(item) for item in self.daemon_sets()]
        rows += ["daemonset kube-system kube-proxy "] if self.kube_proxy else []
        tokens = [f"bootstrap-token-{name} {quote_plus(token.description)}" for name, token in self.tokens.items()]
        return {
            "api": "reachable\n",
            "configuration": self.configuration,
            "nodes": "".join(f"{row}\n" for row in rows),
            "tokens": "".join(f"{token}\n" for token in tokens),
            BUDGETS.name: "".join(f"{budget}\n" for budget in self.budgets),
            LEASES.name: "".join(f"{_lease(name, node)}\n" for name, node in self.nodes.items()),
            SYSTEM_PODS.name: "".join(f"{pod} {ready}\n" for pod, ready in self.system_pods.items()),
            DAEMON_SETS.name: "".join(f"{_selecting(item)}\n" for item in self.daemon_sets()),
        }


def selector(item: Object) -> dict[str, str]:
    """The labels that a node must have for the pods of a DaemonSet."""
    found: dict[str, str] = item["spec"]["template"]["spec"].get("nodeSelector") or {}
    return found


def _selecting(item: Object) -> str:
    metadata = item["metadata"]
    words = (metadata["namespace"], metadata["name"], selector(item).get(NODE_NETWORK, ""))
    return " ".join(map(quote_plus, words))


def _lease(name: str, node: FakeNode) -> str:
    return f"{quote_plus(name)} {quote_plus(datetime.fromtimestamp(node.heard_s, UTC).isoformat())}"


def _daemon_set(item: Object) -> str:
    metadata = item["metadata"]
    words = (metadata["namespace"], metadata["name"], metadata.get("labels", {}).get(LABEL, ""))
    return " ".join(["daemonset", *map(quote_plus, words)])


def _row(name: str, node: FakeNode) -> str:
    """A line as our Go template makes it: each value as its `urlquery` writes it."""
    fields = (
        quote_plus(name),
        str(node.ready),
        quote_plus(node.version),
        quote_plus(node.runtime),
        _listed(node.pod_cidr),
        _listed(node.address),
        "".join(f"{quote_plus(key)}={quote_plus(value)}," for key, value in node.labels.items()),
        "".join(_taint(taint) for taint in sorted(node.taints)),
    )
    return " ".join(["node", *fields])


def _listed(value: str) -> str:
    return f"{quote_plus(value)}," if value else ""


def _taint(text: str) -> str:
    left, _, effect = text.rpartition(":")
    key, _, value = left.partition("=")
    return "=".join(map(quote_plus, (key, value, effect))) + ","
