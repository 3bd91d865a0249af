"""The nodes of a cluster, as each node's own kubelet has reported them to a control plane.

A kubelet can report anything about itself, and so can an attacker on its host. A node that reports impossible values is
odd, and none of its values is used; the same is true for nodes that claim what another node has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar
from urllib.parse import unquote_plus

from provisioner.core import untrusted
from provisioner.core.untrusted import UntrustedError, told

Kind = TypeVar("Kind")

# How a runtime names itself: containerd://1.7.24~ds1, docker://20.10.24+dfsg1, cri-o://1.28.1.
_RUNTIME = re.compile(r"[a-z][a-z0-9-]{0,30}://[0-9A-Za-z.+~_-]{1,100}")
_FIELDS = 8


@dataclass(frozen=True, slots=True)
class NodeState:
    """The parts of a Node object that plays need. `runtime` is as its kubelet reports it: containerd://1.6.20.

    `pod_cidr` is its pod CIDR, `internal_ip` its address; None when it has no IPv4 one (yet).
    """

    name: str
    ready: bool
    version: str
    pod_cidr: IPv4Network | None = None
    internal_ip: IPv4Address | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes whose values are valid; and for the others, by name, what is odd about them."""

    sound: Mapping[str, NodeState]
    odd: Mapping[str, str]


def read_nodes(rows: Iterable[list[str]], pods: tuple[IPv4Network, ...], own: Container[str]) -> Nodes:
    """Nodes from the fields that the look prints for each; `pods` are the cluster's pod networks, when they are known.

    `own` are the hosts of the inventory: of two nodes that claim the same, the node of the inventory is believed.
    ValueError when the answer is not that of an API server.
    """
    sound: dict[str, NodeState] = {}
    odd: dict[str, str] = {}
    for fields in rows:
        if len(fields) != _FIELDS or fields[0] in sound or fields[0] in odd:
            raise UntrustedError("a node as our template prints it", " ".join(fields))
        name = told("the name of a node", untrusted.name, fields[0])
        try:
            sound[name] = _node(name, fields[1:], pods)
        except UntrustedError as error:
            odd[name] = str(error)
    odd |= _contested("its pod CIDR", {n.name: n.pod_cidr for n in sound.values() if n.pod_cidr}, own)
    places = {node.name: IPv4Network(node.internal_ip) for node in sound.values() if node.internal_ip}
    odd |= _contested("its address", places, own)
    return Nodes({name: node for name, node in sound.items() if name not in odd}, odd)


def odd_answer(why: str) -> str:
    """What is odd about a node, as a message."""
    return f"its node in the cluster reports an impossible value: {why}"


def odd_hint(name: str) -> str:
    """What to do about an odd node."""
    return (
        f"`kubectl get node {name} -o yaml` shows it. Its kubelet reports it: an attacker may control that host. "
        f"No value of this node is used; if the node no longer exists: `kubectl delete node {name}`."
    )


def decoded(text: str) -> str:
    """A value that a template's `urlquery` has encoded, decoded again."""
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise UntrustedError("text", text) from None


def listed(text: str) -> Iterator[str]:
    """The values of a list, each ended by a comma."""
    return (decoded(part) for part in text.split(",")[:-1])


def _node(name: str, fields: list[str], pods: tuple[IPv4Network, ...]) -> NodeState:
    ready, version, runtime, networks, addresses, labels, taints = fields
    version = decoded(version)
    return NodeState(
        name=name,
        ready=ready == "True",
        version=told("its kubelet's version", untrusted.version, version).removeprefix("v") if version else "",
        pod_cidr=_own_pod_cidr(_each("its podCIDR", untrusted.pod_network, networks), pods),
        internal_ip=next(_of(IPv4Address, _each("its InternalIP", untrusted.node_address, addresses)), None),
        labels=dict(_label(pair) for pair in labels.split(",")[:-1]),
        taints=tuple(_taint(one) for one in taints.split(",")[:-1]),
        runtime=told("its container runtime", _runtime, decoded(runtime)) if runtime else "",
    )


def _each(what: str, read: Callable[[object], object], text: str) -> list[object]:
    return [told(what, read, one) for one in listed(text)]


def _of(kind: type[Kind], values: Iterable[object]) -> Iterator[Kind]:
    """The values of one kind: with both IPv4 and IPv6, a node has two of everything."""
    return (value for value in values if isinstance(value, kind))


def _own_pod_cidr(networks: list[object], pods: tuple[IPv4Network, ...]) -> IPv4Network | None:
    own = next(_of(IPv4Network, networks), None)
    if own and pods and not any(own.subnet_of(network) for network in pods):
        raise UntrustedError(f"in the pod network {', '.join(map(str, pods))}", str(own), "its podCIDR")
    return own


def _label(pair: str) -> tuple[str, str]:
    key, _, value = pair.partition("=")
    name = told("the label", untrusted.key, decoded(key))
    return name, told(f"the label {name}", untrusted.label, decoded(value))


def _taint(text: str) -> str:
    key, _, rest = text.partition("=")
    value, _, effect = rest.partition("=")
    name = told("the taint", untrusted.key, decoded(key))
    worth = told(f"the taint {name}", untrusted.label, decoded(value))
    what = told(f"the taint {name}", untrusted.effect, decoded(effect))
    return f"{name}={worth}:{what}" if worth else f"{name}:{what}"


def _runtime(text: object) -> str:
    if isinstance(text, str) and _RUNTIME.fullmatch(text):
        return text
    raise UntrustedError("a container runtime", text)


def _contested(what: str, claims: Mapping[str, IPv4Network], own: Container[str]) -> dict[str, str]:
    """The nodes whose claim overlaps another node's, each with that node. A node of the inventory is contested only by
    other nodes of the inventory.
    """
    among_own = _overlaps({name: claim for name, claim in claims.items() if name in own})
    every = _overlaps(claims)
    return {
        name: f"{what} {claims[name]} is claimed by {other} too"
        for name, other in every.items()
        if name not in own or name in among_own
    }


def _overlaps(claims: Mapping[str, IPv4Network]) -> dict[str, str]:
    """Names of claims that overlap, each with the name of another. Two networks are disjoint, or one contains the
    other: when sorted, each has to be compared only with the last network that was not contained in another.
    """
    found: dict[str, str] = {}
    wide = ""
    for name in sorted(claims, key=lambda one: (claims[one].network_address, claims[one].prefixlen, one)):
        if wide and claims[name].network_address <= claims[wide].broadcast_address:
            found[name] = wide
            found.setdefault(wide, name)
        else:
            wide = name
    return found
