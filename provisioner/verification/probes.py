"""Testing from inside the cluster: a tiny web server on every node, and each of them asks the others.

The probes' namespace is removed in every case; one that a killed verification has left is removed first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from provisioner.verification import probe_objects
from provisioner.verification.kubectl import Kubectl
from provisioner.verification.objects import Pod, pods
from provisioner.verification.probe_objects import FIRST_PORT, IMAGE, LABEL, Objects
from provisioner.verification.questions import FROM_POD, LOOK_UP, Answer, Name, Target, answers, arguments
from provisioner.verification.waiting import until

# A pod of a ready node runs within seconds; the image is on the node already.
START_TIMEOUT_S = 60
DELETE_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Probes:
    """The web servers that run, one per node, and the Services in front of them.

    `by_node_ip` and `node_ports` (by node) are those of the Service that leads to one pod by each of its ports.
    """

    namespace: str
    pods: tuple[Pod, ...]
    service_ip: str
    missing: Mapping[str, str] = field(default_factory=dict)
    by_node_ip: str = ""
    node_ports: Mapping[str, int] = field(default_factory=dict)

    def service_port(self, node: str) -> int:
        """The port of the Service `by-node` that leads to the pod of that node."""
        return FIRST_PORT + [pod.node for pod in self.pods].index(node)


@contextmanager
def running(kubectl: Kubectl, nodes: Sequence[str], say: Callable[[str], None], image: str = IMAGE) -> Iterator[Probes]:
    """Probes on these nodes for the length of a block; `Probes.missing` has the nodes where none runs, and why.

    Raises KubectlError, also when the namespace cannot be removed in the end.
    """
    namespace = f"provisioner-verify-{secrets.token_hex(4)}"
    # Do not wait: a pod in it may hang on a dead node.
    kubectl("delete", "namespace", "--selector", LABEL, "--wait=false")
    try:
        made = _apply(kubectl, probe_objects.manifest(namespace, nodes, image))
        service_ip = str(probe_objects.applied(made, "Service")["spec"]["clusterIP"])
        started = _started(kubectl, Probes(namespace, (), service_ip), nodes, say)
        yield _with_service(kubectl, started) if started.pods else started
    finally:
        gone = ("--ignore-not-found", f"--timeout={DELETE_TIMEOUT_S}s")
        kubectl("delete", "namespace", namespace, *gone, timeout_s=DELETE_TIMEOUT_S + 10)


def _apply(kubectl: Kubectl, objects: Objects) -> Objects:
    made: Objects = json.loads(kubectl("apply", "--filename=-", "--output=json", stdin=json.dumps(objects)))
    return made


def _started(kubectl: Kubectl, probes: Probes, nodes: Sequence[str], say: Callable[[str], None]) -> Probes:
    def look() -> tuple[Pod, ...]:
        return pods(kubectl.json(f"--namespace={probes.namespace}", "get", "pods"))

    seen = until(look, lambda found: worth_waiting(found, nodes), START_TIMEOUT_S, say)
    fine = tuple(sorted((pod for pod in seen if pod.fine), key=lambda pod: nodes.index(pod.node)))
    return replace(probes, pods=fine, missing=missing_probes(seen, nodes))


def _with_service(kubectl: Kubectl, started: Probes) -> Probes:
    made = _apply(kubectl, probe_objects.by_node(started.namespace, started.pods))
    spec = probe_objects.applied(made, "Service")["spec"]
    ports = {pod.node: int(port["nodePort"]) for pod, port in zip(started.pods, spec["ports"], strict=True)}
    return replace(started, by_node_ip=str(spec["clusterIP"]), node_ports=ports)


def worth_waiting(seen: Iterable[Pod], nodes: Sequence[str]) -> str:
    """A probe that may still start, in words; empty when all run or cannot start."""
    seen = tuple(seen)
    hopeless = {pod.node for pod in seen if pod.hopeless}
    left = missing_probes(seen, [node for node in nodes if node not in hopeless])
    return next((f"the probe on {node}, which {reason}" for node, reason in left.items()), "")


def missing_probes(seen: Iterable[Pod], nodes: Sequence[str]) -> dict[str, str]:
    """Nodes whose probe does not run, with the reason: `is ErrImageNeverPull`."""
    by_node = {pod.node: pod for pod in seen}
    found = ((node, by_node.get(node)) for node in nodes)
    return {
        node: f"is {pod.waiting or pod.phase}" if pod else "was not created"
        for node, pod in found
        if pod is None or not pod.fine
    }


def close_a_port(kubectl: Kubectl, namespace: str) -> None:
    """Let a NetworkPolicy close one of the probes' two ports."""
    _apply(kubectl, probe_objects.policy(namespace))


def _exec(kubectl: Kubectl, namespace: str, source: Pod, script: str, *words: str) -> str:
    return kubectl(
        f"--namespace={namespace}", "exec", source.name, "--", "sh", "-c", script, "sh", *words, timeout_s=60
    )


def ask(kubectl: Kubectl, namespace: str, source: Pod, targets: Sequence[Target]) -> tuple[Answer, ...]:
    """Let one pod ask all targets at the same time; one `kubectl exec`."""
    output = _exec(kubectl, namespace, source, FROM_POD, *arguments(targets))
    return answers(output, [target.name for target in targets])


def look_up(kubectl: Kubectl, namespace: str, source: Pod, target: str, asked: Name) -> tuple[Answer, ...]:
    """Let one pod resolve a name with the cluster's DNS; `target` is the name of the answer."""
    return answers(_exec(kubectl, namespace, source, LOOK_UP, target, asked.name, asked.address), [target])
