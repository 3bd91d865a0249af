"""What runs in a cluster that a procedure has to respect or to move: disruption budgets, and where DaemonSets run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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


def _rows(view: View, section: Section) -> Iterator[list[str]]:
    for line in view.observed.told.get((view.leader.name, section.name), "").split("\n"):
        if line:
            yield [decoded(word) for word in line.split(" ")]


def _budget(row: list[str]) -> Budget:
    namespace, name, *numbers = row
    allowed, healthy, needed, pods = (untrusted.number(text, _MOST_PODS) for text in numbers)
    return Budget(f"{untrusted.name(namespace)}/{untrusted.name(name)}", allowed, healthy, needed, pods)
