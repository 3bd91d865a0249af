"""The cluster as Kubernetes reports it: its nodes, their labels, and nothing left over."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from provisioner.inventory.model import Cluster, Host
from provisioner.verification import findings, objects
from provisioner.verification.expect import APPLY, expect_none
from provisioner.verification.kubectl import Kubectl
from provisioner.verification.objects import Node
from provisioner.verification.seen import Seen
from provisioner.verification.session import Session

# Names and descriptions only: a token's secret stays in the cluster.
_TOKENS = (
    "--output=go-template={{range .items}}{{.metadata.name}} "
    '{{with .data.description}}{{base64decode .}}{{end}}{{"\\n"}}{{end}}'
)
_DECIDED = "`provisioner network show` shows what was decided: give the host that address and MTU again"
_TOKEN_OF_A_RUN = "provisioner run"  # noqa: S105 - a description, not a secret


@pytest.mark.network
def test_api_answers(session: Session) -> None:
    """A control plane answers kubectl"""
    names = ", ".join(host.name for host in session.cluster.control_planes)
    wrong = [] if session.leader else [f"no API server is ready ({names})"]
    expect_none(
        wrong, "is the kubelet running there? `crictl ps -a` or `docker ps -a` shows the API server's container"
    )


def test_nodes_are_the_inventory(nodes: Mapping[str, Node], cluster: Cluster, session: Session) -> None:
    """The cluster's nodes are the inventory's hosts"""
    desired = {host.name for host in cluster.hosts}
    missing = [f"{name} is not a node" for name in sorted(session.checked - set(nodes))]
    hint = "`provisioner apply` joins missing nodes; remove extra nodes with `kubectl drain` and `kubectl delete node`"
    expect_none(missing + [f"{name} is a node but not in the inventory" for name in sorted(set(nodes) - desired)], hint)


@pytest.mark.network
def test_node_is_ready(machine: Host, nodes: Mapping[str, Node], cluster: Cluster) -> None:
    """The node is Ready at the desired version"""
    wrong = objects.not_ready(nodes.get(machine.name), cluster.settings.kubernetes_version)
    expect_none(wrong, f"{APPLY}; else `kubectl describe node {machine.name}`, and journalctl -u kubelet there")


def test_node_uses_the_engine(node: Node, cluster: Cluster) -> None:
    """The node runs its pods with the desired container engine"""
    hint = "a node keeps its engine: drain it, run `kubeadm reset` there, and `provisioner apply` joins it again"
    expect_none(objects.other_runtime(node, cluster.settings.runtime.type), hint)


def test_network_as_decided(seen: Seen, node: Node) -> None:
    """The node uses the address, interface and MTU that were decided"""
    expect_none(findings.other_network(seen, node.address), _DECIDED)


def test_labels_and_taints(machine: Host, node: Node) -> None:
    """The node has the labels and taints that the inventory wants"""
    expect_none(objects.label_problems(node, machine) + objects.taint_problems(node, machine))


def test_no_tokens_left(kubectl: Kubectl) -> None:
    """No join token of a finished run is left"""
    secrets = ("get", "secrets", "--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token")
    rows = (line.partition(" ")[::2] for line in kubectl(*secrets, _TOKENS).splitlines())
    left = [name for name, description in rows if description.startswith(_TOKEN_OF_A_RUN)]
    expect_none(
        [f"{name} is left over from a run" for name in left],
        "the next `provisioner apply` removes it; or wait for it to expire",
    )
