"""The network paths that are tested, which node tests which, and the sentence for a path that does not work. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from provisioner.core.report import Reach


class NetworkPath(StrEnum):
    """How a source tries to reach a target."""

    POD_TO_POD = "pod-to-pod"
    POD_TO_SERVICE = "pod-to-service"
    HAIRPIN = "hairpin"
    MACHINE_TO_POD = "machine-to-pod"
    MACHINE_TO_SERVICE = "machine-to-service"
    NODE_PORT = "node-port"
    API_SERVER = "api-server"
    DNS_INSIDE = "dns-inside"
    DNS_OUTSIDE = "dns-outside"
    PATH_MTU = "largest-packet"
    POLICY_ALLOW = "policy-allow"
    POLICY_DENY = "policy-deny"


# Targets that are not nodes; no node can have these names, because node names are in lower case.
SERVICE = "Service"
API = "API"
DNS = "DNS"
# The place of a finding that concerns no single host.
CLUSTER = "cluster"
BY_DNS = frozenset({NetworkPath.DNS_INSIDE, NetworkPath.DNS_OUTSIDE})
# What kube-proxy, or its replacement, makes possible.
BY_PROXY = frozenset({
    NetworkPath.POD_TO_SERVICE, NetworkPath.HAIRPIN, NetworkPath.MACHINE_TO_SERVICE, NetworkPath.NODE_PORT,
    NetworkPath.API_SERVER,
})  # fmt: skip
_WORDS = {
    NetworkPath.POD_TO_POD: "the pod on {source} cannot reach the pod on {target}: {text}",
    NetworkPath.POD_TO_SERVICE: "the pod on {source} cannot reach the pod on {target} through a Service: {text}",
    NetworkPath.HAIRPIN: "the pod on {source} cannot reach itself through a Service: {text}",
    NetworkPath.MACHINE_TO_POD: "{source} cannot reach the pod on {target}: {text}",
    NetworkPath.MACHINE_TO_SERVICE: "{source} cannot reach the pod on {target} through a Service: {text}",
    NetworkPath.NODE_PORT: "{source} cannot reach the NodePort of {target}: {text}",
    NetworkPath.API_SERVER: "the pod on {source} cannot reach the API server: {text}",
    NetworkPath.DNS_INSIDE: "the pod on {source} cannot look up a Service: {text}",
    NetworkPath.DNS_OUTSIDE: "the pod on {source} cannot look up a name outside the cluster: {text}",
    NetworkPath.PATH_MTU: "from the pod on {source} to the pod on {target}: {text}",
    NetworkPath.POLICY_ALLOW: "the pod on {source} cannot reach the pod on {target}, but a policy allows it: {text}",
    NetworkPath.POLICY_DENY: "from the pod on {source} to the pod on {target}: {text}",
}
_SHOWN = 3


def pairs(nodes: Sequence[str], sample_above: int) -> dict[str, tuple[str, ...]]:
    """The nodes that each node tests: all, or in a larger cluster those 0, 1, 2, 4, 8, ... places further on.

    In such a sample every node tests, and is tested by, as many nodes as the cluster's size has binary digits.
    """
    count = len(nodes)
    if count <= sample_above:
        return {node: tuple(nodes) for node in nodes}
    steps = (0, *(2**digit for digit in range(count.bit_length()) if 2**digit < count))
    return {node: tuple(nodes[(place + step) % count] for step in steps) for place, node in enumerate(nodes)}


def word(path: NetworkPath, target: str) -> str:
    """A question's name in the scripts: `pod-to-pod:w1`."""
    return f"{path}:{target}"


def words(reach: Reach) -> str:
    """A path that does not work, in a sentence."""
    if reach.target == SERVICE:
        source = reach.source if reach.path == NetworkPath.MACHINE_TO_SERVICE else f"the pod on {reach.source}"
        return f"{source} cannot reach the Service: {reach.text}"
    return _WORDS[NetworkPath(reach.path)].format(source=reach.source, target=reach.target, text=reach.text)


def sentences(reaches: Iterable[Reach]) -> list[str]:
    """The first few paths that do not work, and how many more there are."""
    wrong = [words(reach) for reach in reaches if not reach.ok]
    more = len(wrong) - _SHOWN
    return [*wrong[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
