"""The fixtures that a check can use. Each thing is looked at once per verification, however many checks use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import testinfra

from provisioner.inventory.model import Cluster, Host
from provisioner.verification import objects, turn
from provisioner.verification import survey as surveys
from provisioner.verification.expect import NotChecked
from provisioner.verification.explaining import explain
from provisioner.verification.items import SESSION, STREAM
from provisioner.verification.kubectl import Kubectl
from provisioner.verification.objects import NameServers, Node, Pod
from provisioner.verification.paths import CLUSTER
from provisioner.verification.probe_objects import desired_image
from provisioner.verification.questions import Name
from provisioner.verification.seen import Seen
from provisioner.verification.session import Looked, Session, Unreachable
from provisioner.verification.survey import Survey
from provisioner.verification.waiting import until
from provisioner.verification.walk import Asked, names_to_look_up, promises_policies

# The cluster's own pods are ready within seconds of their start, or wait for something that does not come: CoreDNS
# that cannot be scheduled. Static pods take longer; the check that judges them waits for them.
_PODS_TIMEOUT_S = 45


@pytest.fixture(scope="session", name="session")
def _session(request: pytest.FixtureRequest) -> Session:
    """The verification itself."""
    return request.config.stash[SESSION]


@pytest.fixture(scope="session", name="say")
def _say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Report what the check waits for."""
    stream = request.config.stash[STREAM]
    return lambda what: stream.waiting(CLUSTER, what)


@pytest.fixture(scope="session", name="cluster")
def _cluster(session: Session) -> Cluster:
    """The inventory: what is desired."""
    return session.cluster


@pytest.fixture(name="machine")
def _machine(host: Any, cluster: Cluster) -> Host:
    """The inventory's host that testinfra's `host` is connected to."""
    return cluster.host(host.backend.hostname)


@pytest.fixture(name="answer")
def _answer(machine: Host, session: Session) -> Looked | Unreachable:
    """Whether the host answered, and what."""
    return session.looks[machine.name]


@pytest.fixture(name="looked")
def _looked(machine: Host, answer: Looked | Unreachable) -> Looked:
    """What a host that answers has shown, also when the login user is not root."""
    if isinstance(answer, Unreachable):
        raise NotChecked(machine.name, f"{machine.name} did not answer")
    return answer


@pytest.fixture(name="seen")
def _seen(machine: Host, looked: Looked) -> Seen:
    """What the host shows to root."""
    if not looked.seen.is_root:
        raise NotChecked(machine.name, "only root can see what has to be checked")
    return looked.seen


@pytest.fixture(scope="session", name="kubectl")
def _kubectl(session: Session) -> Kubectl:
    """Run kubectl on a healthy control plane."""
    if session.leader is None:
        raise NotChecked(CLUSTER, "no control plane answers")
    return session.leader


@pytest.fixture(scope="session", name="nodes")
def _nodes(kubectl: Kubectl) -> Mapping[str, Node]:
    """All nodes of the cluster by name."""
    return objects.nodes(kubectl.json("get", "nodes"))


@pytest.fixture(scope="session", name="sound")
def _sound(session: Session, nodes: Mapping[str, Node]) -> frozenset[str]:
    """Nodes on which a pod should start: Ready, with a healthy kubelet and a configured pod network.

    The cluster calls a node Ready for 40 s after its kubelet has died, and for some after it lost its network.
    """
    looks = session.looks.items()
    seen = {name: found.seen for name, found in looks if isinstance(found, Looked) and found.seen.is_root}
    ill = {name for name, found in seen.items() if not found.well or not found.cni_files}
    return frozenset(name for name, node in nodes.items() if node.ready and name not in ill)


@pytest.fixture(name="node")
def _node(machine: Host, nodes: Mapping[str, Node]) -> Node:
    """The host's own node."""
    if machine.name not in nodes:
        raise NotChecked(machine.name, f"the cluster has no node {machine.name}")
    return nodes[machine.name]


@pytest.fixture(name="other_nodes")
def _other_nodes(node: Node, nodes: Mapping[str, Node]) -> Mapping[str, tuple[str, str]]:
    """`{name: (pod CIDR, address)}` of every other node that has a pod CIDR."""
    others = (other for other in nodes.values() if other.name != node.name and other.pod_cidr)
    return {other.name: (other.pod_cidr, other.address) for other in others}


@pytest.fixture(scope="session", name="dns")
def _dns(kubectl: Kubectl) -> NameServers | None:
    """The cluster's DNS, complete or not; a bundle may not contain it."""
    kinds = "services,endpoints,deployments,daemonsets"
    return objects.name_servers(kubectl.json("get", kinds, "--namespace=kube-system", "--selector=k8s-app=kube-dns"))


@pytest.fixture(scope="session", name="asked")
def _asked(session: Session, nodes: Mapping[str, Node], sound: frozenset[str], dns: NameServers | None) -> Asked:
    """Which nodes and hosts take part in the survey of the network, and what is asked."""
    settings, options = session.cluster.settings, session.options
    there = [host for host in session.hosts if isinstance(session.looks[host.name], Looked)]
    # kubeadm gives the API server the first address of the Service CIDR.
    api = str(settings.service_cidr[1])
    inside = Name(f"kubernetes.default.svc.{settings.dns_domain}", api)
    hosts = {host.name: testinfra.get_host(session.spec(host)) for host in there}
    return Asked(
        nodes=[host.name for host in session.cluster.hosts if host.name in sound],
        hosts=hosts,
        addresses={name: node.address for name, node in nodes.items()},
        names=names_to_look_up(hosts, inside, options.outside_name) if dns else {},
        dns=dns,
        api_address=f"{api}:443",
        policies=promises_policies(settings.network),
        sample_above=options.sample_above,
        image=options.probe_image or desired_image(settings),
    )


@pytest.fixture(scope="session", name="system_pods")
def _system_pods(
    session: Session, kubectl: Kubectl, sound: frozenset[str], say: Callable[[str], None]
) -> Callable[[], tuple[Pod, ...]]:
    """Look at the cluster's own pods on the hosts to check, after waiting for those that are about to start."""

    def look() -> tuple[Pod, ...]:
        found = objects.pods(kubectl.json("get", "pods", "--namespace=kube-system"))
        return tuple(pod for pod in found if pod.node in {*session.checked, ""})

    until(look, partial(objects.hopeful, sound=sound, static=False), _PODS_TIMEOUT_S, say)
    return look


@pytest.fixture(scope="session", name="survey")
def _survey(
    request: pytest.FixtureRequest,
    session: Session,
    kubectl: Kubectl,
    asked: Asked,
    say: Callable[[str], None],
    system_pods: Callable[[], tuple[Pod, ...]],
) -> Survey:
    """What the probes on all ready nodes reached, and why they did not reach the rest; the probes are removed.

    On a node that has just joined, kube-proxy and the network plug-in may still be starting: hence `system_pods`.
    """
    taken = surveys.take(kubectl, asked, say, lambda: turn.taken(session.turn(kubectl), say))
    found = explain(asked, taken, session.checked - set(asked.nodes), session.cluster.settings.pod_cidr)
    request.config.stash[STREAM].network(found.reaches)
    in_junit = request.getfixturevalue("record_testsuite_property")
    for reach in found.reaches:
        in_junit(f"{reach.path} {reach.source} {reach.target}", "ok" if reach.ok else reach.text)
    return found
