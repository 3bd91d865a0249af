"""What runs in a cluster that a procedure has to respect or to move: disruption budgets, and where DaemonSets run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioner.core import untrusted
from provisioner.world.look import Section
from provisioner.world.nodes import decoded
from provisioner.world.view import View

# The node label, and the key in a DaemonSet's nodeSelector, of the network plug-in that a node has while another one
# takes its place.
NODE_NETWORK = "provisioner/network"
_MOST_PODS = 10_000_000
BUDGETS = Section(
    "budgets",
    "kubectl --request-timeout=10s get poddisruptionbudgets.policy --all-namespaces -o go-template='{{range .items}}"
    "{{urlquery .metadata.namespace}} {{urlquery .metadata.name}} {{with .status}}{{.disruptionsAllowed}} "
    '{{.currentHealthy}} {{.desiredHealthy}} {{.expectedPods}}{{end}}{{"\\n"}}{{end}}\'',
    cluster=True,
)
DAEMON_SETS = Section(
    "daemon-sets",
    "kubectl --request-timeout=10s get daemonsets.apps --all-namespaces -o go-template='{{range .items}}"
    "{{urlquery .metadata.namespace}} {{urlquery .metadata.name}} "
    '{{with .spec.template.spec.nodeSelector}}{{range $key, $value := .}}{{if eq $key "KEY"}}{{urlquery $value}}'
    '{{end}}{{end}}{{end}}{{"\\n"}}{{end}}\''.replace("KEY", NODE_NETWORK),
    cluster=True,
)
# A kubelet renews the lease of its node every 10 s: https://kubernetes.io/docs/concepts/architecture/leases/.
LEASES = Section(
    "leases",
    "kubectl --request-timeout=10s -n kube-node-lease get leases.coordination.k8s.io -o go-template='{{range .items}}"
    '{{urlquery .metadata.name}} {{with .spec.renewTime}}{{urlquery .}}{{end}}{{"\\n"}}{{end}}\'',
    cluster=True,
)
# Those that stay on their node: static pods, whose owner is the node, and pods of DaemonSets, whose names change.
SYSTEM_PODS = Section(
    "system-pods",
    "kubectl --request-timeout=10s -n kube-system get pods -o go-template='{{range .items}}{{$pod := .}}"
    '{{range .metadata.ownerReferences}}{{if or (eq .kind "Node") (eq .kind "DaemonSet")}}'
    "{{with $pod.spec.nodeName}}{{urlquery .}}{{end}} "
    '{{if eq .kind "Node"}}{{urlquery $pod.metadata.name}}{{else}}{{urlquery .name}}{{end}} '
    '{{range $pod.status.conditions}}{{if eq .type "Ready"}}{{urlquery .status}}{{end}}{{end}}{{"\\n"}}'
    "{{end}}{{end}}{{end}}'",
    cluster=True,
)


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget, as `namespace/name`: the evictions that it allows now; its pods: Ready, needed, all."""

    name: str
    allowed: int
    healthy: int
    needed: int
    pods: int


def budgets(view: View) -> tuple[Budget, ...]:
    """All budgets of the cluster; nothing when it was not asked or does not answer."""
    return tuple(_budget(row) for row in _rows(view, BUDGETS))


def selected_networks(view: View) -> Mapping[str, str]:
    """By DaemonSet (`namespace/name`), the value of NODE_NETWORK in its nodeSelector; those that have one."""
    rows = ((f"{untrusted.name(row[0])}/{untrusted.name(row[1])}", row[2]) for row in _rows(view, DAEMON_SETS))
    return {name: untrusted.label(value) for name, value in rows if value}


def leases(view: View) -> Mapping[str, float]:
    """When the lease of each node was renewed last, in seconds since 1970 of that node's clock."""
    return {untrusted.name(name): _seconds(time) for name, time in _rows(view, LEASES) if time}


def system_pods(view: View) -> Mapping[tuple[str, str], bool]:
    """Of the pods in kube-system that stay on their node, by node and by pod or DaemonSet: whether they are Ready."""
    rows = _rows(view, SYSTEM_PODS)
    return {(untrusted.name(node), untrusted.name(pod)): ready == "True" for node, pod, ready in rows if node}


def _rows(view: View, section: Section) -> Iterator[list[str]]:
    for line in view.observed.told.get((view.leader.name, section.name), "").split("\n"):
        if line:
            yield [decoded(word) for word in line.split(" ")]


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise untrusted.UntrustedError("a time", text) from None


def _budget(row: list[str]) -> Budget:
    namespace, name, *numbers = row
    allowed, healthy, needed, pods = (untrusted.number(text, _MOST_PODS) for text in numbers)
    return Budget(f"{untrusted.name(namespace)}/{untrusted.name(name)}", allowed, healthy, needed, pods)
