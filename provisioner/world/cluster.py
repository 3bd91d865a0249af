"""The cluster as its leader's API server reports it: kubeadm's record, nodes, join tokens, DaemonSets."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from provisioner.core import untrusted
from provisioner.core.command import Result
from provisioner.world.configuration import read_configuration
from provisioner.world.look import sections
from provisioner.world.nodes import NodeState, decoded, read_nodes

# The descriptions of provisioner's join tokens begin with this; the next run finds leftover tokens by it.
RUN_TOKEN = "provisioner run"  # noqa: S105 - a description, not a secret
# kubeadm's form of a token's id; a Secret with another name is not a join token.
_TOKEN_NAME = re.compile(r"bootstrap-token-([a-z0-9]{6})")


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The cluster as a leader sees it. `run_tokens` are ids of join tokens that runs of provisioner have created;
    `daemon_sets` are all DaemonSets, as `namespace/name`, each with the type of the network that provisioner has
    applied it for, or nothing. `odd` are nodes that report impossible values, each with the reason; they are not in
    `nodes`.
    """

    version: str
    configuration: str
    ca_certificate: str
    nodes: Mapping[str, NodeState] = field(default_factory=dict)
    run_tokens: tuple[str, ...] = ()
    daemon_sets: Mapping[str, str] = field(default_factory=dict)
    odd: Mapping[str, str] = field(default_factory=dict)


def read_cluster(seen: Result, own: Container[str] = ()) -> ClusterState | None:
    """The cluster from a leader's output; None when there is none yet or its API server does not answer.

    `own` are the hosts of the inventory. ValueError when the answer is not that of an API server.
    """
    parts = sections(seen.stdout)
    if parts.get("api", "").strip() != "reachable":
        return None
    rows = [line.split(" ") for line in parts["nodes"].split("\n") if line]
    configuration = read_configuration(parts["configuration"])
    nodes = read_nodes((row[1:] for row in rows if row[0] == "node"), configuration.pods, own)
    return ClusterState(
        version=configuration.version,
        configuration=parts["configuration"],
        ca_certificate=untrusted.told("the cluster's CA", untrusted.certificates, parts["ca"]),
        nodes=nodes.sound,
        run_tokens=tuple(_run_tokens(parts["tokens"])),
        daemon_sets=dict(_daemon_set(row[1:]) for row in rows if row[0] == "daemonset"),
        odd=nodes.odd,
    )


def _daemon_set(row: list[str]) -> tuple[str, str]:
    namespace, name, network = map(decoded, row)
    return f"{untrusted.name(namespace)}/{untrusted.name(name)}", untrusted.label(network)


def _run_tokens(text: str) -> Iterator[str]:
    for name, _, description in (line.partition(" ") for line in text.split("\n")):
        found = _TOKEN_NAME.fullmatch(name)
        if found and description.startswith(quote_plus(RUN_TOKEN)):
            yield found[1]
