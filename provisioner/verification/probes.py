"""Looking through the cluster: a tiny web server on every node, and each of them asks all others.

The namespace of the probes goes away in every case; what an earlier verification left when it was killed goes first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.verification.kubectl import Kubectl
from provisioner.verification.objects import Pod, pods
from provisioner.verification.waiting import until

IMAGE = "provisioner/probe:1"
LABEL = "app.kubernetes.io/managed-by=provisioner-verify"
PORT = 8080
# A pod of a ready node runs within seconds; the image is on the node already.
START_TIMEOUT_S = 60
DELETE_TIMEOUT_S = 60
# The Service's rules reach the nodes about a second after its pods are ready: five tries, a second apart.
# nc and not wget, which in Debian's static busybox has no timeout.
_ASK = r"""
ask() {
  tries=0
  while [ $tries -lt 5 ]; do
    answer=$(printf 'GET / HTTP/1.0\r\n\r\n' | timeout 5 nc -w 2 "${2%:*}" "${2#*:}" 2>&1)
    case $answer in
      *'200 OK'*) echo "$1 ok $(echo "$answer" | tail -n 1)"; return ;;
    esac
    tries=$((tries + 1)); sleep 1
  done
  echo "$1 failed $(echo "${answer:-no answer in 5 s}" | head -n 1)"
}
while [ $# -gt 0 ]; do ask "$1" "$2" & shift 2; done
wait
"""


@dataclass(frozen=True, slots=True)
class Probes:
    """The web servers that run, one per node, and the Service in front of them."""

    namespace: str
    pods: tuple[Pod, ...]
    service_ip: str
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a pod heard from a target; `text` is the answering pod's name, or the error."""

    target: str
    ok: bool
    text: str


def manifest(namespace: str, nodes: Sequence[str]) -> dict[str, Any]:
    """Namespace, DaemonSet on these nodes (whatever their taints) and Service, as one List."""
    labels = dict([LABEL.split("=")])
    metadata = {"namespace": namespace, "name": "probe", "labels": labels}
    service = {"selector": labels, "ports": [{"port": PORT, "targetPort": PORT}]}
    template = {"metadata": {"labels": labels}, "spec": _pod_spec(nodes)}
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _pod_spec(nodes: Sequence[str]) -> dict[str, Any]:
    on_nodes = {"key": "metadata.name", "operator": "In"}
    terms = [{"matchFields": [{**on_nodes, "values": [node]}]} for node in nodes]
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [_container()],
        "volumes": [{"name": "www", "emptyDir": {}}],
    }


def _container() -> dict[str, Any]:
    serve = f'echo "$POD_NAME" > /www/index.html; exec httpd -f -p {PORT} -h /www'
    return {
        "name": "probe",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", serve],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


@contextmanager
def running(kubectl: Kubectl, nodes: Sequence[str], say: Callable[[str], None]) -> Iterator[Probes]:
    """Probes on these nodes for the length of a block; `Probes.missing` says on which nodes none did and why.

    Raises KubectlError, also when the namespace cannot be removed in the end.
    """
    namespace = f"provisioner-verify-{secrets.token_hex(4)}"
    # Nobody waits: a pod of it may hang on a dead node.
    kubectl("delete", "namespace", "--selector", LABEL, "--wait=false")
    try:
        made = kubectl("apply", "--filename=-", "--output=json", stdin=json.dumps(manifest(namespace, nodes)))
        yield _started(kubectl, Probes(namespace, (), service_ip(json.loads(made))), nodes, say)
    finally:
        gone = ("--ignore-not-found", f"--timeout={DELETE_TIMEOUT_S}s")
        kubectl("delete", "namespace", namespace, *gone, timeout_s=DELETE_TIMEOUT_S + 10)


def _started(kubectl: Kubectl, probes: Probes, nodes: Sequence[str], say: Callable[[str], None]) -> Probes:
    def look() -> tuple[Pod, ...]:
        return pods(kubectl.json(f"--namespace={probes.namespace}", "get", "pods"))

    seen = until(look, lambda found: worth_waiting(found, nodes), START_TIMEOUT_S, say)
    fine = tuple(pod for pod in seen if pod.fine)
    return replace(probes, pods=fine, missing=missing_probes(seen, nodes))


def worth_waiting(seen: Iterable[Pod], nodes: Sequence[str]) -> str:
    """Which probe may still start, in words; empty when all run or cannot."""
    seen = tuple(seen)
    hopeless = {pod.node for pod in seen if pod.hopeless}
    left = missing_probes(seen, [node for node in nodes if node not in hopeless])
    return next((f"the probe on {node}, which {reason}" for node, reason in left.items()), "")


def service_ip(applied: dict[str, Any]) -> str:
    """The Service's address from what `kubectl apply -o json` printed."""
    return str(next(item["spec"]["clusterIP"] for item in applied["items"] if item["kind"] == "Service"))


def missing_probes(seen: Iterable[Pod], nodes: Sequence[str]) -> dict[str, str]:
    """Nodes whose probe does not run, with the reason: `is ErrImageNeverPull`."""
    by_node = {pod.node: pod for pod in seen}
    found = ((node, by_node.get(node)) for node in nodes)
    return {
        node: f"is {pod.waiting or pod.phase}" if pod else "was not made"
        for node, pod in found
        if pod is None or not pod.fine
    }


def ask(kubectl: Kubectl, namespace: str, source: Pod, targets: Mapping[str, str]) -> tuple[Answer, ...]:
    """Let one pod ask all targets (`{name: address:port}`) at the same time; one `kubectl exec`."""
    words = [word for pair in targets.items() for word in pair]
    told = kubectl(f"--namespace={namespace}", "exec", source.name, "--", "sh", "-c", _ASK, "sh", *words, timeout_s=60)
    return answers(told, targets)


def answers(text: str, targets: Iterable[str]) -> tuple[Answer, ...]:
    """Read lines of `target ok|failed text`; a target without a line has not answered either."""
    rows = {row[0]: row for row in (line.split(" ", 2) for line in text.splitlines()) if len(row) > 1}
    return tuple(_answer(target, rows.get(target, [target, "failed", "no answer in time"])) for target in targets)


def _answer(target: str, row: list[str]) -> Answer:
    return Answer(target, row[1] == "ok", row[2].strip() if len(row) > 2 else "")


def look_up(kubectl: Kubectl, namespace: str, source: Pod, name: str) -> tuple[Answer, ...]:
    """Let one pod resolve a name by the cluster's DNS."""
    script = 'if answer=$(nslookup "$1" 2>&1); then echo "$1 ok"; else echo "$1 failed $answer" | tr "\\n" " "; fi'
    told = kubectl(f"--namespace={namespace}", "exec", source.name, "--", "sh", "-c", script, "sh", name)
    return answers(told, [name])
