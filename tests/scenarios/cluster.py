"""The simulated cluster that the machines of a world share: nodes, tokens, and what kubectl does to them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from provisioner.core.command import Result
from provisioner.inventory.values import Secret
from tests.builders import CA, CONFIGURATION, VERSION


@dataclass
class FakeNode:
    """A node object."""

    address: str
    pod_cidr: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: set[str] = field(default_factory=set)


@dataclass
class FakeCluster:
    """Nodes and join tokens by id; `networked` says of a machine's name whether its network plug-in is there."""

    networked: Callable[[str], bool]
    nodes: dict[str, FakeNode] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    ca: str = CA

    def enter(self, name: str, address: str, verb: str, configuration: Secret) -> bool:
        """A machine runs kubeadm: init makes the token of its configuration, join needs one that is there."""
        found = re.search(r'token: "([a-z0-9]{6})\.([a-z0-9]{16})"', configuration.reveal())
        assert found
        if verb == "init":
            self.tokens[found[1]] = found[2]
        if self.tokens.get(found[1]) != found[2]:
            return False
        self.used.append(found[1])
        taints = {"node-role.kubernetes.io/master:NoSchedule"} if verb == "init" else set()
        self.nodes.setdefault(name, FakeNode(address, f"10.244.{len(self.nodes)}.0/24", taints=taints))
        return True

    def kubectl(self, words: Sequence[str], stdin: str | Secret) -> str | Result:
        """What the administrator does."""
        match list(words):
            case ["apply", "-f", "-"] if isinstance(stdin, Secret):
                told = dict(re.findall(r'(token-id|token-secret): "(.*)"', stdin.reveal()))
                self.tokens[told["token-id"]] = told["token-secret"]
            case ["-n", "kube-system", "delete", "--ignore-not-found", *names]:
                for name in names:
                    self.tokens.pop(name.removeprefix("secret/bootstrap-token-"), None)
            case ["label", "--overwrite", "node", name, *pairs]:
                self.nodes[name].labels |= dict(pair.split("=") for pair in pairs)
            case ["taint", "--overwrite", "node", name, *taints]:
                gone = {taint.removesuffix("-") for taint in taints if taint.endswith("-")}
                self.nodes[name].taints = {*(self.nodes[name].taints - gone), *(t for t in taints if t[-1] != "-")}
            case ["wait", "--for=condition=Ready", _, *names]:
                late = [name for name in names if not self.networked(name.removeprefix("node/"))]
                return Result(1, stderr=f"timed out waiting for the condition on {late}\n") if late else ""
            case _:
                raise AssertionError(f"the cluster was not taught: kubectl {' '.join(words)}")
        return ""

    def readiness(self) -> str:
        """A node is Ready when its machine has a network plug-in."""
        return "".join(f"{name} {self.networked(name)}\n" for name in self.nodes)

    def told(self) -> str:
        """The part of a look that only a control plane can tell."""
        rows = [
            {
                "name": name, "pod_cidr": node.pod_cidr, "version": f"v{VERSION}", "ready": str(self.networked(name)),
                "internal_ip": node.address, "labels": {**node.labels, "": ""}, "taints": [*sorted(node.taints), ""],
            }
            for name, node in self.nodes.items()
        ]  # fmt: skip
        parts = [
            "=== api", "reachable", "=== configuration", CONFIGURATION, "=== nodes", *(json.dumps(row) for row in rows),
            "=== tokens", *(f"bootstrap-token-{identity} provisioner run: join" for identity in self.tokens),
        ]  # fmt: skip
        return "\n".join(parts) + "\n"
