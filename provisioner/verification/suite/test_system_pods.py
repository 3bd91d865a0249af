"""The cluster's own pods. Kubernetes 1.20 reports static pods ready more than a minute after their start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from provisioner.inventory.model import Role
from provisioner.inventory.networks import KubeRouterNetwork
from provisioner.verification.expect import expect_none
from provisioner.verification.objects import Node, Pod, absent_pods, expected_pods, hopeful
from provisioner.verification.session import Session
from provisioner.verification.waiting import until

# Startup probes of 1.20 are reported about 75 s after a static pod's start; twice that.
_STATIC_TIMEOUT_S = 150
_HINT = "kubectl -n kube-system get pods -o wide; kubectl -n kube-system describe pod NAME"


def test_system_pods(
    system_pods: Callable[[], tuple[Pod, ...]],
    nodes: Mapping[str, Node],
    sound: frozenset[str],
    session: Session,
    say: Callable[[str], None],
) -> None:
    """The cluster's own pods run and are ready"""
    seen = until(system_pods, partial(hopeful, sound=sound, static=True), _STATIC_TIMEOUT_S, say)
    leaders = [host.name for host in session.hosts if host.role is Role.CONTROL_PLANE]
    network = session.cluster.settings.network
    proxied = set() if isinstance(network, KubeRouterNetwork) and network.service_proxy else set(nodes)
    expected = expected_pods(leaders, session.checked & proxied)
    expect_none([*absent_pods(seen, expected), *(str(pod) for pod in seen if not pod.fine)], _HINT)
