"""Pods that do not run, in any namespace, and why: as the API server reports it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.core import untrusted
from provisioner.core.command import Command, Result
from provisioner.core.untrusted import UntrustedError, shown
from provisioner.world.nodes import decoded

# One line for each pod that neither runs nor has completed: the reason is the phase, or what a container waits for or
# has ended with, as `kubectl get pods` prints it. A pod that is not ready yet, or that has a completed container, runs.
# Everything that a kubelet reports goes through `urlquery`, so that it cannot separate fields or lines.
TEMPLATE = "".join([
    '{{range .items}}{{$why := ""}}',
    "{{range .status.containerStatuses}}{{with .state.terminated}}{{with .reason}}",
    '{{if ne . "Completed"}}{{$why = .}}{{end}}{{end}}{{end}}',
    "{{with .state.waiting}}{{with .reason}}{{$why = .}}{{end}}{{end}}{{end}}",
    "{{range .status.initContainerStatuses}}{{with .state.waiting}}{{with .reason}}",
    '{{if ne . "PodInitializing"}}{{$why = .}}{{end}}{{end}}{{end}}{{end}}',
    '{{if eq .status.phase "Failed" "Unknown"}}{{$why = .status.phase}}{{end}}',
    '{{if eq .status.phase "Pending"}}{{if not $why}}{{$why = "Pending"}}{{end}}{{end}}',
    '{{if eq .status.phase "Succeeded"}}{{$why = ""}}{{end}}',
    "{{if $why}}{{with .status.reason}}{{$why = .}}{{end}}{{end}}",
    '{{if .metadata.deletionTimestamp}}{{$why = "Terminating"}}{{end}}',
    "{{if $why}}{{urlquery .metadata.namespace}} {{urlquery .metadata.name}} ",
    '{{with .spec.nodeName}}{{urlquery .}}{{end}} {{urlquery $why}}{{"\\n"}}{{end}}{{end}}',
])  # fmt: skip
_FIELDS = 4
# Reasons are words in CamelCase (k8s.io/api/core/v1, ContainerStateWaiting); runtimes and plug-ins may have their own.
_REASON = re.compile(r"[A-Za-z][A-Za-z0-9_:.-]{0,63}")


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod that does not run; `node` is empty while it is not scheduled, `why` is a word such as CrashLoopBackOff."""

    namespace: str
    name: str
    node: str
    why: str


def question() -> Command:
    """The command that asks the API server on a control plane; its environment is that of the look."""
    argv = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--request-timeout=30s")
    return Command((*argv, "get", "pods", "--all-namespaces", "-o", f"go-template={TEMPLATE}"), timeout_s=60)


def read_pods(seen: Result) -> tuple[PodState, ...]:
    """The pods in the answer; ValueError when the answer is not that of an API server."""
    return tuple(_pods(seen.stdout))


def _pods(text: str) -> Iterator[PodState]:
    for line in filter(None, text.split("\n")):
        fields = [decoded(field) for field in line.split(" ")]
        if len(fields) != _FIELDS:
            raise UntrustedError("a pod as our template prints it", line)
        namespace, name, node, why = fields
        yield PodState(untrusted.name(namespace), untrusted.name(name), node and untrusted.name(node), _reason(why))


def _reason(text: str) -> str:
    """A kubelet can report any reason for its own pods: that must not hide other pods."""
    return text if _REASON.fullmatch(text) else shown(text)
