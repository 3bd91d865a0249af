"""The questions of a survey: which source asks which target, on which path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.core.report import Reach
from provisioner.inventory.networks import AnyNetwork, ManifestNetwork
from provisioner.verification import probes
from provisioner.verification.hearing import Question, ask_from, largest_from, policy_reaches, results
from provisioner.verification.kubectl import Kubectl, LostError, run
from provisioner.verification.objects import NameServers, Pod
from provisioner.verification.paths import API, DNS, SERVICE, NetworkPath, pairs, word
from provisioner.verification.probe_objects import CLOSED_PORT, IMAGE, PORT
from provisioner.verification.probes import Probes
from provisioner.verification.questions import Name, Target

# sshd lets ten sessions share a connection (MaxSessions), and each kubectl takes about 50 MB on the control plane.
_AT_ONCE = 5
# Above this many nodes each asks only some of the others: 20 nodes are 400 pairs on each path.
SAMPLE_ABOVE = 20
# The plug-ins that promise to honour a NetworkPolicy, by their name in the inventory.
KEEPS_POLICIES = frozenset({"calico", "cilium", "kube-router", "weave"})
# What Go's HTTPS servers say to plain HTTP: net/http, `conn.serve`.
_API_SAYS = "Client sent an HTTP request*"
# Almost every host that can look up any name can look up this one.
OUTSIDE_NAME = "kubernetes.io"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which nodes and hosts take part, and what is asked.

    `nodes` are all ready nodes; `hosts` testinfra's hosts and `addresses` the nodes' own, both by node. `names` to
    look up are by path, empty without DNS; `dns` are its servers; `policies` is true when the plug-in promises to
    honour them.
    """

    nodes: Sequence[str]
    hosts: Mapping[str, Any]
    addresses: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[NetworkPath, Name] = field(default_factory=dict)
    dns: NameServers | None = None
    api_address: str = ""
    policies: bool = False
    sample_above: int = SAMPLE_ABOVE
    image: str = IMAGE


@dataclass(frozen=True, slots=True)
class Walk:
    """The questions of one survey."""

    kubectl: Kubectl
    asked: Asked
    started: Probes

    def reaches(self) -> tuple[Reach, ...]:
        """All answers. Sizes are measured after the rest: a busy link can look like a narrow one. Policies are last."""
        found = [*self._put([*self._from_pods(), *self._from_machines(), *self._names()]), *self._put(self._sizes())]
        return (*found, *(self._policies() if self.asked.policies else ()))

    def _put(self, questions: Iterable[Question]) -> list[Reach]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            futures = [(question, pool.submit(question.ask)) for question in questions]
        return [reach for question, future in futures for reach in results(question, future)]

    def _pairs(self) -> dict[str, tuple[str, ...]]:
        return pairs([pod.node for pod in self.started.pods], self.asked.sample_above)

    def _pod(self, node: str) -> Pod:
        return next(pod for pod in self.started.pods if pod.node == node)

    def _target(self, path: NetworkPath, node: str, address: str) -> Target:
        """That node's pod, and no other, at any address."""
        return Target(word(path, node), address, self._pod(node).name)

    def _direct(self, path: NetworkPath, nodes: Iterable[str]) -> list[Target]:
        return [self._target(path, node, f"{self._pod(node).ip}:{PORT}") for node in nodes]

    def _by_service(self, path: NetworkPath, nodes: Iterable[str]) -> list[Target]:
        ip, any_of_them = self.started.by_node_ip, f"{self.started.service_ip}:{PORT}"
        each = [self._target(path, node, f"{ip}:{self.started.service_port(node)}") for node in nodes]
        return [*each, Target(word(path, SERVICE), any_of_them, "probe-*")]

    def _from_pods(self) -> list[Question]:
        return [self._from_pod(node, nodes) for node, nodes in self._pairs().items()]

    def _from_pod(self, node: str, nodes: Sequence[str]) -> Question:
        others = [other for other in nodes if other != node]
        itself = f"{self.started.by_node_ip}:{self.started.service_port(node)}"
        targets = [
            *self._direct(NetworkPath.POD_TO_POD, nodes),
            *self._by_service(NetworkPath.POD_TO_SERVICE, others),
            self._target(NetworkPath.HAIRPIN, node, itself),
        ]
        api = self.asked.api_address
        return self._pod_asks(
            node, [*targets, *([Target(word(NetworkPath.API_SERVER, API), api, _API_SAYS)] if api else [])]
        )

    def _pod_asks(self, node: str, targets: list[Target]) -> Question:
        pod = self._pod(node)
        namespace = self.started.namespace
        names = tuple(target.name for target in targets)
        return Question(node, names, lambda: probes.ask(self.kubectl, namespace, pod, targets))

    def _from_machines(self) -> list[Question]:
        others = self._pairs()
        return [self._from_machine(node, others[node]) for node in self.asked.hosts if node in others]

    def _from_machine(self, node: str, nodes: Sequence[str]) -> Question:
        ports = [
            self._target(NetworkPath.NODE_PORT, other, f"{address}:{self.started.node_ports[other]}")
            for other in nodes
            if (address := self.asked.addresses.get(other))
        ]
        direct = self._direct(NetworkPath.MACHINE_TO_POD, nodes)
        targets = [*direct, *self._by_service(NetworkPath.MACHINE_TO_SERVICE, nodes), *ports]
        host = self.asked.hosts[node]
        return Question(node, tuple(target.name for target in targets), lambda: ask_from(host, targets))

    def _names(self) -> list[Question]:
        return [
            self._name(path, pod.node, name) for path, name in self.asked.names.items() for pod in self.started.pods
        ]

    def _name(self, path: NetworkPath, node: str, name: Name) -> Question:
        pod = self._pod(node)
        target = word(path, DNS)
        ask = probes.look_up
        return Question(node, (target,), lambda: ask(self.kubectl, self.started.namespace, pod, target, name))

    def _sizes(self) -> list[Question]:
        others, hosts = self._pairs(), self.asked.hosts
        return [self._size(node, hosts[node], others[node]) for node in hosts if node in others]

    def _size(self, node: str, host: Any, nodes: Sequence[str]) -> Question:
        pod = self._pod(node)
        targets = {word(NetworkPath.PATH_MTU, other): self._pod(other).ip for other in nodes if other != node}
        # A size that was not measured is not an answer, so none is expected.
        return Question(node, (), lambda: largest_from(host, pod.name, targets) if targets else ())

    def _policies(self) -> list[Reach]:
        """What a policy lets through and what not; a port that was closed before the policy proves nothing."""
        before = self._put(self._about_policies(closed=False))
        probes.close_a_port(self.kubectl, self.started.namespace)
        after = self._put(self._about_policies(closed=True))
        return policy_reaches(before, after)

    def _about_policies(self, *, closed: bool) -> list[Question]:
        questions = []
        for node, nodes in self._pairs().items():
            others = [other for other in nodes if other != node]
            targets = [
                replace(
                    self._target(NetworkPath.POLICY_DENY, other, f"{self._pod(other).ip}:{CLOSED_PORT}"), closed=closed
                )
                for other in others
            ]
            questions.append(self._pod_asks(node, [*targets, *self._direct(NetworkPath.POLICY_ALLOW, others)]))
        return questions


def promises_policies(network: AnyNetwork) -> bool:
    """Whether the plug-in promises to honour NetworkPolicies: known of most; for a manifest the inventory says it."""
    return network.type in KEEPS_POLICIES or (isinstance(network, ManifestNetwork) and network.network_policies)


def names_to_look_up(hosts: Mapping[str, Any], inside: Name, outside: str) -> dict[NetworkPath, Name]:
    """A Service's name, and a name outside the cluster when all hosts can look that up themselves."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        known = list(pool.map(lambda host: _can_look_up(host, outside), hosts.values()))
    there = {NetworkPath.DNS_OUTSIDE: Name(outside)} if known and all(known) else {}
    return {NetworkPath.DNS_INSIDE: inside} | there


def _can_look_up(host: Any, name: str) -> bool:
    try:
        return run(host, "timeout 5 getent ahostsv4 %s", name)[0] == 0
    except LostError:
        return False
