"""Node objects: their labels and taints, and that they are Ready."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.names import some
from provisioner.core.resource import Change
from provisioner.resources.kubectl import ENV, READY, kubectl
from provisioner.resources.waiting import until
from provisioner.world.nodes import NodeState

# One request for all nodes, however many there are.
_WAIT_READY = until(
    'late=$(late "$@"); [ -z "$late" ]',
    "the nodes are Ready:$late",
    "$deadline_s",
    ENV
    + """
    deadline_s=$1; shift
    ready='go-template={{range .items}}{{.metadata.name}}=READY {{end}}'
    late() {
      nodes=" $(kubectl --request-timeout=5s get nodes -o "$ready" 2>/dev/null || :)"
      for node in "$@"; do
        case $nodes in *" $node=True "*) ;; *) printf ' %s' "$node" ;; esac
      done
    }
    """.replace("READY", READY),
)


@dataclass(frozen=True, slots=True)
class NodeMarks:
    """Labels and, where the inventory sets them, taints of one node."""

    node: str
    labels: tuple[tuple[str, str], ...]
    taints: tuple[str, ...] | None
    now: NodeState

    @property
    def key(self) -> str:
        """`labels and taints of NODE`."""
        return f"labels and taints of {self.node}"

    def probe(self) -> Command:
        """Nothing: the look at the cluster has read them."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Set what differs; labels that the inventory does not name stay as they are."""
        labels = [f"{key}={value}" for key, value in self.labels if self.now.labels.get(key) != value]
        desired, present = set(self.taints or ()), set(self.now.taints)
        added, gone = sorted(desired - present), self._undesired()
        # A new value overwrites; kubectl refuses to set and remove one key and effect in the same command.
        removed = [taint for taint in gone if _place(taint) not in {_place(want) for want in desired}]
        commands = []
        if labels:
            commands.append(kubectl("label", "--overwrite", "node", self.node, *labels))
        if added or removed:
            commands.append(
                kubectl("taint", "--overwrite", "node", self.node, *(f"{taint}-" for taint in removed), *added)
            )
        if not commands:
            return None
        lines = [
            *(f"+label {label}" for label in labels),
            *(f"+taint {t}" for t in added),
            *(f"-taint {t}" for t in gone),
        ]
        return Change(f"label and taint {self.node}", tuple(commands), diff="".join(f"{line}\n" for line in lines))

    def _undesired(self) -> list[str]:
        if self.taints is None:
            return []
        # node.kubernetes.io/ taints are the controllers' own (not-ready, unreachable, ...).
        own = {taint for taint in self.now.taints if not taint.startswith("node.kubernetes.io/")}
        return sorted(own - set(self.taints))


def _place(taint: str) -> tuple[str, str]:
    """Key and effect of `key=value:Effect`: a node has one value for them."""
    left, _, effect = taint.rpartition(":")
    return left.partition("=")[0], effect


@dataclass(frozen=True, slots=True)
class NodesReady:
    """All these nodes are Ready; `ready` are those that already are."""

    nodes: tuple[str, ...]
    ready: frozenset[str]
    deadline_s: int = 300

    @property
    def key(self) -> str:
        """`nodes ready`."""
        return "nodes ready"

    def probe(self) -> Command:
        """Nothing: the look at the cluster has read it."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Wait, with a deadline."""
        missing = [node for node in self.nodes if node not in self.ready]
        if not missing:
            return None
        wait = shell(_WAIT_READY, str(self.deadline_s), *missing, timeout_s=self.deadline_s + 30)
        summary = f"wait until {some(missing)} {'is' if len(missing) == 1 else 'are'} Ready"
        lines = "".join(f"-{node} not Ready\n+{node} Ready\n" for node in missing)
        return Change(summary, (wait,), diff=lines, own=True)
