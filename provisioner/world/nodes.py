"""The nodes of a cluster, as a control plane has heard of them from each node's own kubelet.

A kubelet may say of itself what it likes, and so may whoever has taken its machine over. A node that says what cannot
be is odd, and nothing that it has said is used; the same goes for nodes that claim what another has.
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
    """A Kubernetes node object, the parts that plays need. `runtime` is as its kubelet says it: containerd://1.6.20.

    `pod_cidr` is its part of the pods' network, `internal_ip` its address; None where it has none of IPv4 (yet).
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
    """Those whose answers fit; and of the others, by name, what is odd about them."""

    sound: Mapping[str, NodeState]
    odd: Mapping[str, str]


def read_nodes(rows: Iterable[list[str]], pods: tuple[IPv4Network, ...], own: Container[str]) -> Nodes:
    """Nodes from the fields that the look prints of each; `pods` are the cluster's networks for pods, where it says so.

    `own` are the hosts of the inventory: of two nodes that claim the same, that of the inventory is believed.
    ValueError when the API server itself does not answer as one does.
    """
    sound: dict[str, NodeState] = {}
    odd: dict[str, str] = {}
    for fields in rows:
        if len(fields) != _FIELDS or fields[0] in sound or fields[0] in odd:
            raise UntrustedError("a node as our template tells it", " ".join(fields))
        name = told("the name of a node", untrusted.name, fields[0])
        try:
            sound[name] = _node(name, fields[1:], pods)
        except UntrustedError as error:
            odd[name] = str(error)
    odd |= _contested("its part of the pods' network", {n.name: n.pod_cidr for n in sound.values() if n.pod_cidr}, own)
    places = {node.name: IPv4Network(node.internal_ip) for node in sound.values() if node.internal_ip}
    odd |= _contested("its address", places, own)
    return Nodes({name: node for name, node in sound.items() if name not in odd}, odd)


def odd_answer(why: str) -> str:
    """What is odd about a node, for people."""
    return f"its node in the cluster says what cannot be: {why}"


def odd_hint(name: str) -> str:
    """What to do about an odd node."""
    return (
        f"`kubectl get node {name} -o yaml` shows it. Its kubelet says so: somebody may have taken that machine over. "
        f"Nothing that it says is used; a node that is gone for good: `kubectl delete node {name}`."
    )


def decoded(text: str) -> str:
    """What a template's `urlquery` has made of a value, taken back."""
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
        pod_cidr=_part(_each("its podCIDR", untrusted.pod_network, networks), pods),
        internal_ip=next(_of(IPv4Address, _each("its InternalIP", untrusted.node_address, addresses)), None),
        labels=dict(_label(pair) for pair in labels.split(",")[:-1]),
        taints=tuple(_taint(one) for one in taints.split(",")[:-1]),
        runtime=told("its container runtime", _runtime, decoded(runtime)) if runtime else "",
    )


def _each(what: str, read: Callable[[object], object], text: str) -> list[object]:
    return [told(what, read, one) for one in listed(text)]


def _of(kind: type[Kind], values: Iterable[object]) -> Iterator[Kind]:
    """With two families of addresses a node has two of everything: those of one kind."""
    return (value for value in values if isinstance(value, kind))


def _part(networks: list[object], pods: tuple[IPv4Network, ...]) -> IPv4Network | None:
    own = next(_of(IPv4Network, networks), None)
    if own and pods and not any(own.subnet_of(network) for network in pods):
        raise UntrustedError(f"in the pods' network {', '.join(map(str, pods))}", str(own), "its podCIDR")
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
    """The nodes whose claim overlaps another's, and with whose; a node of the inventory yields to its like alone."""
    among_own = _overlaps({name: claim for name, claim in claims.items() if name in own})
    every = _overlaps(claims)
    return {
        name: f"{what} {claims[name]} is claimed by {other} too"
        for name, other in every.items()
        if name not in own or name in among_own
    }


def _overlaps(claims: Mapping[str, IPv4Network]) -> dict[str, str]:
    """Names of claims that overlap, each with the name of another. Networks lie apart or one within the other: in
    their order each has to be held against the last wide one alone.
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
