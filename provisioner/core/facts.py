"""Facts: what a machine is and our steps never change. State: what they do change and plays depend on.

One script per host tells both; it needs nothing but a POSIX shell, coreutils, iproute2 and systemd.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from provisioner.core.addresses import Address, Route, read_addresses, read_routes
from provisioner.core.command import Command, Result, shell
from provisioner.core.lock import Holder, Word, read
from provisioner.core.look import CLUSTER_SCRIPT, HOST_SCRIPT, KEYS, sections
from provisioner.core.network import Decision, read_record
from provisioner.core.offers import Offer, read_offers


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a machine is. Memory in MiB, times in seconds, disk in MiB."""

    hostname: str
    distribution: str
    release: str
    codename: str
    architecture: str
    kernel: str
    cpus: int
    memory_mib: int
    disk_free_mib: int
    cgroup_version: int
    init: str
    machine_id: str
    clock_s: float
    user_home: str
    user: str
    addresses: tuple[Address, ...]
    is_root: bool = True
    routes: tuple[Route, ...] = ()

    @property
    def platform(self) -> str:
        """What packages are made for: `debian bookworm amd64`."""
        return f"{self.distribution} {self.codename or self.release} {self.architecture}"

    def interface_of(self, ip: IPv4Address) -> Address | None:
        """The interface that has this address."""
        return next((address for address in self.addresses if address.ip.ip == ip), None)


@dataclass(frozen=True, slots=True)
class HostState:
    """What our steps change and plays ask for: how far this machine is on its way into a cluster.

    `packages` are the versions of those that matter here and are installed, `programs` those that came without one.
    `keys` are the texts of the package sources' keys by product, empty where there is none. `runtime_endpoint` is where
    its kubelet reaches the container runtime, empty where kubeadm has not told it yet. `network` is what was decided of
    its address, None where nothing was. `cni_files` are the names in /etc/cni/net.d; `firewalls` drop packets there
    that they were not told of.
    """

    init_begun: bool = False
    join_begun: bool = False
    has_admin_conf: bool = False
    has_kubelet_conf: bool = False
    has_manifests: bool = False
    has_encryption_key: bool = False
    has_crictl: bool = False
    docker_runs: bool = False
    runtime_endpoint: str = ""
    ca_certificate: str = ""
    kubelet_ca: str = ""
    listening: tuple[tuple[int, str], ...] = ()
    cni_files: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, Offer] = field(default_factory=dict)
    network: Decision | None = None

    @property
    def initialised(self) -> bool:
        """`kubeadm init` has come to its end here."""
        return self.has_admin_conf and not self.init_begun

    @property
    def joined(self) -> bool:
        """The machine is a node: `kubeadm init` or `kubeadm join` has come to its end here."""
        return self.has_kubelet_conf and not self.join_begun and not self.init_begun


@dataclass(frozen=True, slots=True)
class NodeState:
    """A Kubernetes node object, the parts that plays need. `runtime` is as its kubelet says it: containerd://1.6.20."""

    name: str
    ready: bool
    version: str
    pod_cidr: str
    internal_ip: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The cluster as a leader sees it. `run_tokens` are ids of join tokens that runs of ours have made; `daemon_sets`
    are all there are, as `namespace/name`, each with the type of the network that we have applied it for, or nothing.
    """

    version: str
    configuration: str
    ca_certificate: str
    nodes: dict[str, NodeState] = field(default_factory=dict)
    run_tokens: tuple[str, ...] = ()
    daemon_sets: Mapping[str, str] = field(default_factory=dict)


def look(*, leader: bool) -> Command:
    """The one command that tells facts and state; on a control plane it also asks the API server."""
    return shell(HOST_SCRIPT + (CLUSTER_SCRIPT if leader else ""), timeout_s=60)


def read_facts(seen: Result) -> HostFacts:
    """Facts from the script's output; ValueError when the machine did not answer as a Linux machine does."""
    parts = sections(seen.stdout)
    told = dict(line.partition("=")[::2] for line in parts["host"].splitlines())
    return HostFacts(
        **{name: told.get(name, "") for name in _TEXT},
        cpus=int(told["cpus"]),
        memory_mib=int(told["memory_mib"]),
        disk_free_mib=int(told["disk_free_mib"]),
        cgroup_version=int(told["cgroup_version"]),
        clock_s=float(told["clock_s"]),
        addresses=tuple(read_addresses(parts["addresses"])),
        is_root=told["uid"] == "0",
        routes=tuple(read_routes(parts.get("routes", ""))),
    )


_TEXT = (
    "hostname", "distribution", "release", "codename", "architecture", "kernel", "init", "machine_id", "user_home",
    "user",
)  # fmt: skip


def read_state(seen: Result) -> HostState:
    """State from the same output."""
    parts = sections(seen.stdout)
    names = set(parts["state"].split())
    return HostState(
        init_begun="provisioner/init-begun" in names,
        join_begun="provisioner/join-begun" in names,
        has_admin_conf="admin.conf" in names,
        has_kubelet_conf="kubelet.conf" in names,
        has_manifests="manifests" in names,
        has_encryption_key="encryption/configuration.yaml" in names,
        has_crictl="crictl" in names,
        docker_runs="docker" in names,
        runtime_endpoint=parts.get("runtime", "").strip(),
        ca_certificate=parts["ca"],
        kubelet_ca=parts["kubelet-ca"].strip(),
        listening=tuple(_listening(line) for line in parts["listening"].splitlines() if line.strip()),
        cni_files=tuple(parts.get("cni", "").split()),
        firewalls=tuple(parts.get("firewall", "").split()),
        packages=dict(line.split() for line in parts.get("packages", "").splitlines()),
        programs=read_offers(parts.get("programs", "")),
        keys={product: f"{parts[path]}\n" for product, path in KEYS.items() if parts.get(path)},
        network=read_record(parts.get("network", "")),
    )


def _listening(line: str) -> tuple[int, str]:
    address, _, owner = line.partition(" ")
    return int(address.rpartition(":")[2]), owner.split('"')[1] if '"' in owner else ""


def read_lock(seen: Result) -> Holder | None:
    """Who works on the cluster, from a control plane's output; None when nobody does."""
    told = read(sections(seen.stdout).get("lock", Word.FREE), Word.FREE)
    return told if isinstance(told, Holder) else None


def read_cluster(seen: Result) -> ClusterState | None:
    """The cluster from a leader's output; None when there is none yet or its API server does not answer."""
    parts = sections(seen.stdout)
    if parts.get("api", "").strip() != "reachable":
        return None
    told = [json.loads(line) for line in parts["nodes"].splitlines() if line.strip()]
    nodes = [_node(row) for row in told if "name" in row]
    return ClusterState(
        version=_version(parts["configuration"]),
        configuration=parts["configuration"],
        ca_certificate=parts["ca"],
        nodes={node.name: node for node in nodes},
        run_tokens=tuple(_run_tokens(parts["tokens"])),
        daemon_sets={str(row["daemon_set"]): str(row["network"]) for row in told if "daemon_set" in row},
    )


def _version(configuration: str) -> str:
    """The version in kubeadm's own record, which `kubeadm upgrade` keeps up to date."""
    lines = (line.partition(": ") for line in configuration.splitlines())
    return next((value.removeprefix("v") for key, _, value in lines if key == "kubernetesVersion"), "unknown")


def _node(told: dict[str, object]) -> NodeState:
    labels, taints = told["labels"], told["taints"]
    if not isinstance(labels, dict) or not isinstance(taints, list):
        raise ValueError(f"a node was told in another shape than our template gives: {told}")
    return NodeState(
        name=str(told["name"]),
        ready=told["ready"] == "True",
        version=str(told["version"]).removeprefix("v"),
        pod_cidr=str(told["pod_cidr"]),
        internal_ip=str(told["internal_ip"]),
        runtime=str(told.get("runtime", "")),
        labels={key: value for key, value in labels.items() if key},
        taints=tuple(taint for taint in taints if taint),
    )


# What the description of a join token of ours begins with; the next run finds leftovers by it.
RUN_TOKEN = "provisioner run"  # noqa: S105 - a description, not a secret


def _run_tokens(text: str) -> list[str]:
    rows = (line.partition(" ")[::2] for line in text.splitlines())
    return [name.removeprefix("bootstrap-token-") for name, description in rows if description.startswith(RUN_TOKEN)]
