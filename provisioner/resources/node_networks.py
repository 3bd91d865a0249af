"""Two network plug-ins in one cluster, each on its own nodes: a label on the node says which one it has."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV, kubectl
from provisioner.resources.waiting import until
from provisioner.world.nodes import NodeState
from provisioner.world.workloads import NODE_NETWORK

_PODS = (
    ENV
    + """
    node=$1; shift
    pods() { # the pods of these DaemonSets on that node
      for set in "$@"; do
        labels=$(kubectl --request-timeout=10s -n "${set%%/*}" get daemonset "${set#*/}" --ignore-not-found \\
          -o go-template='{{range $key, $value := .spec.selector.matchLabels}}{{$key}}={{$value}},{{end}}')
        if [ -n "$labels" ]; then
          kubectl --request-timeout=10s -n "${set%%/*}" get pods -l "${labels%,}" \\
            --field-selector "spec.nodeName=$node" -o name
        fi
      done
    }
    """
)
_DEADLINE_S = 120
_WAIT_GONE = until('said=$(pods "$@" 2>&1) && [ -z "$said" ]', "the pods of $* on $node are gone", "$deadline_s", _PODS)


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """The label of a node that says which plug-in it has; None: it has no such label."""

    node: str
    value: str | None
    now: NodeState

    @property
    def key(self) -> str:
        """`network of NODE`."""
        return f"network of {self.node}"

    def probe(self) -> Command:
        """Nothing: the look at the cluster has read it."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Set it, or remove it."""
        now = self.now.labels.get(NODE_NETWORK)
        if now == self.value:
            return None
        pair = f"{NODE_NETWORK}-" if self.value is None else f"{NODE_NETWORK}={self.value}"
        lines = (f"-{NODE_NETWORK}={now}\n" if now else "") + (f"+{pair}\n" if self.value is not None else "")
        what = f"remove the label {NODE_NETWORK}" if self.value is None else f"set the label {pair} on {self.node}"
        command = kubectl("label", "--overwrite", "node", self.node, pair)
        return Change(what, (command,), diff=lines)


@dataclass(frozen=True, slots=True)
class DaemonSetSelects:
    """A DaemonSet (`namespace/name`) runs only on nodes with that network; its pods there are not restarted for it."""

    name: str
    value: str
    now: str

    @property
    def key(self) -> str:
        """`nodes of DaemonSet NAMESPACE/NAME`."""
        return f"nodes of DaemonSet {self.name}"

    def probe(self) -> Command:
        """Nothing: the look at the cluster has read it."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Patch its template. With `OnDelete` only the pods on other nodes go, and the others stay as they are."""
        if self.now == self.value:
            return None
        namespace, _, name = self.name.partition("/")
        strategy = {"type": "OnDelete", "rollingUpdate": None}
        template = {"spec": {"nodeSelector": {NODE_NETWORK: self.value}}}
        patch = json.dumps({"spec": {"updateStrategy": strategy, "template": template}})
        command = kubectl("-n", namespace, "patch", "daemonset", name, "--type=merge", f"--patch={patch}")
        lines = f"+nodeSelector {NODE_NETWORK}={self.value}\n"
        return Change(f"keep {self.name} on nodes with {NODE_NETWORK}={self.value}", (command,), diff=lines)


@dataclass(frozen=True, slots=True)
class NetworkOff:
    """The pods of these DaemonSets (`namespace/name`) no longer run on a node."""

    node: str
    daemon_sets: tuple[str, ...]
    now: NodeState

    @property
    def key(self) -> str:
        """`network pods on NODE`."""
        return f"network pods on {self.node}"

    def probe(self) -> Command:
        """Their pods on that node."""
        return shell(_PODS + 'pods "$@"', self.node, *self.daemon_sets, timeout_s=60)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove the label that they run by, and wait until they are gone."""
        found = seen.stdout.split()
        if not found and NODE_NETWORK not in self.now.labels:
            return None
        unlabel = kubectl("label", "--overwrite", "node", self.node, f"{NODE_NETWORK}-")
        wait = shell(f"deadline_s=$1; shift\n{_WAIT_GONE}", str(_DEADLINE_S), self.node, *self.daemon_sets,
                     timeout_s=_DEADLINE_S + 30)  # fmt: skip
        lines = "".join(f"-{pod}\n" for pod in found) or f"-{NODE_NETWORK}\n"
        return Change("stop the old network's pods", (unlabel, wait), diff=lines)
