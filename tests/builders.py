"""Small builders of what the pure parts take: facts, states, a bundle, a cluster, a view. Each test changes only
what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from provisioner.bundle.common.manifest import (
    CONTROL_PLANE,
    EVERYWHERE,
    Content,
    Distribution,
    Kind,
    Manifest,
    Missing,
    Role,
)
from provisioner.bundle.common.reading import Bundle
from provisioner.core.command import Result
from provisioner.core.objects import Objects
from provisioner.inventory import model
from provisioner.inventory.model import Cluster, ClusterSettings, Host
from provisioner.inventory.values import Secret
from provisioner.world.addresses import Address
from provisioner.world.cluster import ClusterState
from provisioner.world.facts import HostFacts, HostState
from provisioner.world.nodes import NodeState
from provisioner.world.view import View

VERSION = "1.20.2"
NOW_S = 1_800_000_000.0
TOKEN = "abcdef.0123456789abcdef"

PACKAGES = {
    "conntrack": "1:1.4.7-1+b2",
    "containerd": "1.6.20~ds1-1",
    "containernetworking-plugins": "1.1.1+ds1-3",
    "docker.io": "20.10.24+dfsg1-1",
    "ebtables": "2.0.11-5",
    "ethtool": "1:6.1-1",
    "iptables": "1.8.9-2",
    "kubeadm": "1.20.2-1.1",
    "kubectl": "1.20.2-1.1",
    "kubelet": "1.20.2-1.1",
    "kubernetes-cni": "1.1.1-1.1",
    "runc": "1.1.5+ds1-1",
    "socat": "1.7.4.4-2",
}
IMAGES: dict[str, tuple[Role, ...]] = {
    "k8s.gcr.io/etcd:3.4.13-0": CONTROL_PLANE,
    "k8s.gcr.io/kube-apiserver:v1.20.2": CONTROL_PLANE,
    "k8s.gcr.io/kube-controller-manager:v1.20.2": CONTROL_PLANE,
    "k8s.gcr.io/kube-proxy:v1.20.2": EVERYWHERE,
    "k8s.gcr.io/kube-scheduler:v1.20.2": CONTROL_PLANE,
    "k8s.gcr.io/pause:3.2": EVERYWHERE,
}
DNS = "k8s.gcr.io/coredns:1.7.0"
# A CA certificate as kubeadm 1.20 makes them (serial number 0), made for the tests; its key was thrown away.
CA = (Path(__file__).parent / "cases" / "ca.crt").read_text()


def ok(stdout: str = "") -> Result:
    """What a command that succeeded has said."""
    return Result(0, stdout)


def bundle(images: Iterable[str] = IMAGES, *, missing: str = "coredns is not in Debian") -> Bundle:
    """A bundle with all packages; `missing` is why CoreDNS is not in it, empty when nothing is said."""
    contents = [
        *(_content(Kind.PACKAGE, f"apt/{name}.deb", name, version) for name, version in PACKAGES.items()),
        *(_content(Kind.IMAGE, f"images/{name.split('/')[-1].replace(':', '_')}.tar", name) for name in images),
    ]
    manifest = Manifest(
        kubernetes_version=VERSION,
        distribution=Distribution(id="debian", codename="bookworm", architecture="amd64"),
        created=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        origin="a test",
        contents=tuple(contents),
        missing=(Missing(name=DNS, reason=missing),) if missing else (),
    )
    return Bundle(Path("/bundle"), manifest)


def _content(kind: Kind, path: str, name: str, version: str = "") -> Content:
    roles = IMAGES.get(name, EVERYWHERE)
    return Content(path=path, kind=kind, name=name, version=version, size=1, sha256="a" * 64, roles=roles)


def host(name: str, address: str, **changes: Any) -> Host:
    """A host; those whose name begins with `cp` are control planes."""
    role = model.Role.CONTROL_PLANE if name.startswith("cp") else model.Role.WORKER
    return Host(**{"name": name, "role": role, "address": address, "user": "admin", "become": True, **changes})


def cluster(*hosts: Host, **settings: Any) -> Cluster:
    """One control plane and two workers, unless the test names others."""
    usual = (host("cp1", "10.0.0.11"), host("w1", "10.0.0.21"), host("w2", "10.0.0.22"))
    desired = ClusterSettings.model_validate({"kubernetes_version": VERSION, "name": "test", **settings})
    return Cluster(path=Path("/inventory.yaml"), settings=desired, hosts=hosts or usual)


def facts(name: str, address: str = "10.0.0.99", **changes: Any) -> HostFacts:
    """A machine that has all that is needed."""
    usual = HostFacts(
        hostname=name,
        distribution="debian",
        release="12",
        codename="bookworm",
        architecture="amd64",
        kernel="6.1.0-18-amd64",
        cpus=2,
        memory_mib=4096,
        disk_free_mib=20_000,
        cgroup_version=2,
        init="systemd",
        machine_id=f"machine-id-of-{name}",
        clock_s=NOW_S,
        user_home="/home/admin",
        user="admin",
        addresses=(nic("lo", "127.0.0.1/8", 65536), nic("eth0", f"{address}/24", mac=f"mac of {address}")),
    )
    return replace(usual, **changes)


def nic(interface: str, address: str, mtu: int = 1500, mac: str = "") -> Address:
    """An address on an interface."""
    return Address(interface, IPv4Interface(address), mtu, mac)


def joined(**changes: Any) -> HostState:
    """The state of a machine that is a node."""
    return HostState(has_kubelet_conf=True, **changes)


def leading(**changes: Any) -> HostState:
    """The state of a control plane that carries a cluster."""
    return HostState(**{"has_admin_conf": True, "has_kubelet_conf": True, "has_manifests": True, **changes})


def node(name: str, number: int, **changes: Any) -> NodeState:
    """A Ready node object, whose pod CIDR is 10.244.NUMBER.0/24."""
    address = changes.pop("internal_ip", "")
    usual = NodeState(name, ready=True, version=VERSION, pod_cidr=IPv4Network(f"10.244.{number}.0/24"))
    return replace(usual, internal_ip=IPv4Address(address) if address else None, **changes)


def live(*nodes: NodeState, **changes: Any) -> ClusterState:
    """A running cluster with these nodes."""
    usual = ClusterState(VERSION, CONFIGURATION, CA, {one.name: one for one in nodes})
    return replace(usual, **changes)


CONFIGURATION = f"""\
apiServer:
  extraArgs:
    authorization-mode: Node,RBAC
controlPlaneEndpoint: 10.0.0.11:6443
kubernetesVersion: v{VERSION}
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
"""


def view(desired: Cluster | None = None, **changes: Any) -> View:
    """A view of fresh machines, all reached; `states` and `facts` replace those of the hosts they name."""
    desired = desired or cluster()
    names = frozenset(one.name for one in desired.hosts)
    states: Mapping[str, HostState] = changes.pop("states", {})
    measured: Mapping[str, HostFacts] = changes.pop("facts", {})
    usual = changed(
        View(desired, names),
        bundle=bundle(),
        bundle_key="-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
        facts={one.name: measured.get(one.name) or facts(one.name, one.address) for one in desired.hosts},
        states={name: states.get(name, HostState()) for name in names},
        join_token=Secret(TOKEN, "join token"),
        now_s=NOW_S,
    )
    return changed(usual, **changes)


def changed(view: View, **changes: Any) -> View:
    """The same view with other values, in whatever part of it they are."""
    for part in ("materials", "observed", "decided"):
        own = {name: changes.pop(name) for name in [*changes] if name in getattr(view, part).__dataclass_fields__}
        view = replace(view, **{part: replace(getattr(view, part), **own)})
    return replace(view, **changes)


def running(desired: Cluster | None = None, **changes: Any) -> View:
    """A view of a cluster that is up, with every host of the inventory in it."""
    desired = desired or cluster()
    nodes = [node(one.name, number, internal_ip=one.address) for number, one in enumerate(desired.hosts)]
    control_planes = {one.name for one in desired.control_planes}
    states = {one.name: leading() if one.name in control_planes else joined() for one in desired.hosts}
    return view(desired, **{"states": states, "live": live(*nodes), **changes})


def network_objects(image: str = "k8s.gcr.io/pause:3.2", name: str = "test-net") -> Objects:
    """A network plug-in of the smallest kind: an account, and a DaemonSet."""
    metadata = {"namespace": "kube-system", "name": name}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "net", "image": image}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    return Objects(
        "/net.yaml", (account, {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec})
    )
