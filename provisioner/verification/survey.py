"""The walk through the cluster: start the probes, let everyone ask everyone, remove them; the answers are values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.verification import probes
from provisioner.verification.kubectl import AskError, Kubectl, run
from provisioner.verification.probes import PORT, Answer, Probes

# A target's name; no node can be called so, because theirs are in small letters.
SERVICE = "Service"
# sshd lets ten sessions share a connection (MaxSessions), and kubectl takes about 50 MB on the control plane each.
_AT_ONCE = 5
# HTTP without a client, for machines that have none; `NAME ADDRESS` pairs as arguments.
_FROM_MACHINE = r"""
ask() {
  get='exec 3<>"/dev/tcp/${1%:*}/${1#*:}" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && cat <&3'
  answer=$(timeout 5 bash -c "$get" ask "$2" 2>&1)
  case $answer in
    *"200 OK"*) echo "$1 ok ${answer##*$'\n'}" ;;
    *) echo "$1 failed $(echo "${answer:-no answer in 5 s}" | grep -m 1 . | sed 's/^ask: //')" ;;
  esac
}
while [ $# -gt 0 ]; do ask "$1" "$2" & shift 2; done
wait
"""

Answers = tuple[Answer, ...]
Heard = Mapping[str, Answers | str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who takes part: all ready nodes, testinfra's hosts by node, and a name to look up where there is DNS."""

    nodes: Sequence[str]
    hosts: Mapping[str, Any]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was heard, by node: the answers, or why the question could not be put.

    `missing` are nodes without a probe, with the reason; `trouble` is what kept the survey from its end; `idle`
    when there was no node to survey.
    """

    pods: Heard = field(default_factory=dict)
    machines: Heard = field(default_factory=dict)
    names: Heard = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    idle: bool = False


def take(kubectl: Kubectl, asked: Asked, say: Callable[[str], None]) -> Survey:
    """The whole walk; whatever goes wrong is in the answer, and the probes are removed."""
    if not asked.nodes:
        return Survey(idle=True)
    survey = Survey()
    try:
        with probes.running(kubectl, asked.nodes, say) as started:
            survey = _ask_all(kubectl, asked, started) if started.pods else Survey(missing=started.missing)
            say("the probes' namespace to go away")
    except AskError as error:
        survey = replace(survey, trouble=str(error))
    return survey


def _ask_all(kubectl: Kubectl, asked: Asked, started: Probes) -> Survey:
    targets = {pod.node: f"{pod.ip}:{PORT}" for pod in started.pods} | {SERVICE: f"{started.service_ip}:{PORT}"}
    sources = {pod.node: pod for pod in started.pods}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pods = {
            node: pool.submit(probes.ask, kubectl, started.namespace, pod, targets) for node, pod in sources.items()
        }
        machines = {node: pool.submit(ask_from, host, targets) for node, host in asked.hosts.items()}
        looked_up = {
            node: pool.submit(probes.look_up, kubectl, started.namespace, pod, asked.name)
            for node, pod in sources.items()
            if asked.name
        }
    names = {pod.node: pod.name for pod in started.pods}
    return Survey(_results(pods, names), _results(machines, names), _results(looked_up, {}), started.missing)


def ask_from(host: Any, targets: Mapping[str, str]) -> Answers:
    """Let a machine itself ask all targets, as the API server and the kubelet do."""
    words = [word for pair in targets.items() for word in pair]
    places = " ".join(["%s"] * len(words))
    _, output, _ = run(host, f"/bin/bash -c %s ask {places}", _FROM_MACHINE, *words)
    return probes.answers(output, targets)


def _results(futures: Mapping[str, Future[Answers]], names: Mapping[str, str]) -> Heard:
    return {node: _result(future, names) for node, future in futures.items()}


def _result(future: Future[Answers], names: Mapping[str, str]) -> Answers | str:
    try:
        return tuple(by_the_right_one(answer, names) for answer in future.result())
    except AskError as error:
        return str(error)


def by_the_right_one(answer: Answer, names: Mapping[str, str]) -> Answer:
    """An answer of somebody else than the target is none; `names` are the pods' names by node."""
    wished = names.get(answer.target)
    if not answer.ok or wished in (None, answer.text):
        return answer
    return replace(answer, ok=False, text=f"{answer.text} answered instead of {wished}")


def unheard(heard: Answers | str, source: str, *, service: bool) -> list[str]:
    """Which pods, or whether the Service, cannot be reached from `source` (`the pod on w1`), in words."""
    if isinstance(heard, str):
        return [f"{source} could not be asked: {heard}"]
    asked = [answer for answer in heard if (answer.target == SERVICE) is service]
    return [f"{source} cannot reach {_target(answer.target)}: {answer.text}" for answer in asked if not answer.ok]


def _target(name: str) -> str:
    return f"the {name}" if name == SERVICE else f"the pod on {name}"
