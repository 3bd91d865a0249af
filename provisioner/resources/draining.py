"""Drain nodes for a while, and uncordon them afterwards. A label on the node records how it was before: so the next run
continues the work of a killed one, and a node that somebody had cordoned stays cordoned.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV, kubectl
from provisioner.world.nodes import NodeState

BEFORE = "provisioner/before-draining"
DRAINED = "provisioner/drained"
_CLOSED = "node.kubernetes.io/unschedulable:NoSchedule"
_OPEN_WORD, _CLOSED_WORD = "open", "closed"
_DRAIN_TIMEOUT_S = 300
# kubectl of 1.20 and later; https://kubernetes.io/docs/reference/generated/kubectl/kubectl-commands#drain
_FIRST_MINOR_WITH_EMPTYDIR = 20
# The pods of DaemonSets stay through a drain, and keep their addresses of the old network: they are deleted.
_RENEW = (
    ENV
    + """
    own='{{range .items}}{{if not .spec.hostNetwork}}{{.metadata.namespace}} {{.metadata.name}}{{"\\n"}}{{end}}{{end}}'
    kubectl get pods --all-namespaces --field-selector "spec.nodeName=$1" -o go-template="$own" |
      while read -r namespace name; do
        kubectl -n "$namespace" delete pod "$name" --ignore-not-found --wait=false </dev/null
      done
    """
)


@dataclass(frozen=True, slots=True)
class Drained:
    """A node is cordoned and runs only pods of DaemonSets."""

    node: str
    now: NodeState
    minor: int

    @property
    def key(self) -> str:
        """`drained NODE`."""
        return f"drained {self.node}"

    def probe(self) -> Command:
        """Nothing: the look at the cluster has brought it."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Cordon it and evict its pods; a pod without a controller, which nothing would create again, stops the run."""
        if DRAINED in self.now.labels:
            return None
        before = _CLOSED_WORD if _CLOSED in self.now.taints else _OPEN_WORD
        remembered = () if BEFORE in self.now.labels else (kubectl("label", "node", self.node, f"{BEFORE}={before}"),)
        local = "emptydir-data" if self.minor >= _FIRST_MINOR_WITH_EMPTYDIR else "local-data"
        commands = (
            *remembered,
            kubectl("cordon", self.node),
            kubectl(
                "drain", self.node, "--ignore-daemonsets", f"--delete-{local}", f"--timeout={_DRAIN_TIMEOUT_S}s",
                timeout_s=_DRAIN_TIMEOUT_S + 30,
            ),
            kubectl("label", "--overwrite", "node", self.node, f"{DRAINED}=yes"),
        )  # fmt: skip
        return Change("drain", commands, diff="-pods\n")


REOPENING = "uncordon, unless it was cordoned before the drain"


@dataclass(frozen=True, slots=True)
class Reopened:
    """A drained node is as it was before the drain, and the pods that had stayed on it are replaced."""

    node: str
    now: NodeState

    @property
    def key(self) -> str:
        """`reopened NODE`."""
        return f"reopened {self.node}"

    def probe(self) -> Command:
        """Nothing: the look at the cluster has brought it."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Replace the pods that have stayed, uncordon the node, and remove our labels."""
        if not {BEFORE, DRAINED} & self.now.labels.keys():
            return None
        opens = (kubectl("uncordon", self.node),) if self.now.labels.get(BEFORE) == _OPEN_WORD else ()
        commands = (
            shell(_RENEW, self.node, timeout_s=120),
            *opens,
            kubectl("label", "--overwrite", "node", self.node, f"{BEFORE}-", f"{DRAINED}-"),
        )
        return Change(REOPENING, commands, diff="+pods\n")
