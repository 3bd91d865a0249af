"""What an earlier cluster has left on a machine: found before anything is changed, and nothing where it is ours."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

import pytest

from provisioner import preflight
from provisioner.errors import Severity
from provisioner.inventory.model import Cluster
from provisioner.world.facts import HostState
from provisioner.world.view import View
from tests.builders import CA, changed, cluster, facts, joined, leading, live, network_objects, nic, node, running, view
from tests.conftest import Tally

OTHER_CA = CA.replace("MII", "MIJ")
SERVER = "https://10.0.0.9:6443"
MANIFEST = cluster(network={"type": "manifest", "manifest": "/net.yaml"})


@dataclass(frozen=True)
class Case:
    """A view, and what is found in it: `rule at where: part of the message`."""

    title: str
    view: View
    findings: tuple[str, ...] = ()


def encoded(*certificates: str) -> str:
    return base64.b64encode("".join(certificates).encode()).decode()


def kubelet(*certificates: str, server: str = SERVER, **changes: object) -> HostState:
    """A node whose kubelet.conf trusts these CAs."""
    return joined(kubelet_ca=encoded(*certificates), kubelet_server=server, **changes)


def new(desired: Cluster | None = None, **states: HostState) -> View:
    """No cluster is there yet."""
    return view(desired, states=states)


def silent(**states: HostState) -> View:
    """A cluster whose API server does not answer."""
    return view(states={"cp1": leading(ca_certificate=CA), **states})


def up(w1: HostState) -> View:
    """A cluster that has w2 and not w1."""
    states = {"cp1": leading(), "w1": w1, "w2": joined()}
    return running(states=states, live=live(node("cp1", 0), node("w2", 2, internal_ip="10.0.0.22")))


def linked(name: str, address: str, seen: View | None = None) -> View:
    """The same, where w1 has that interface besides."""
    seen = seen or new()
    w1 = facts("w1", "10.0.0.21")
    return changed(
        seen, facts={**seen.observed.facts, "w1": replace(w1, addresses=(*w1.addresses, nic(name, address)))}
    )


def kept(cidr: str) -> View:
    """w1 was reset by hand, and its node is still in the cluster."""
    nodes = (node("cp1", 0), node("w1", 1, pod_cidr=cidr, internal_ip="10.0.0.21"), node("w2", 2))
    return running(states={"cp1": leading(), "w1": HostState(), "w2": joined()}, live=live(*nodes))


FLANNEL = new(cluster(network={"type": "flannel"}))
BY_MANIFEST = changed(new(MANIFEST), network=network_objects())

CASES = (
    Case(
        "a worker of another cluster, and no cluster yet",
        new(w1=kubelet(OTHER_CA)),
        (f"other-cluster at w1: is a node of a cluster that cp1 does not run (API server {SERVER}, CA ",),
    ),
    Case(
        "workers whose control plane was rebuilt",
        new(w1=kubelet(CA), w2=kubelet(CA)),
        (f"other-cluster at w1, w2: is a node of a cluster that cp1 does not run (API server {SERVER}, CA ",),
    ),
    Case(
        "workers of two other clusters",
        new(w1=kubelet(CA), w2=kubelet(OTHER_CA)),
        ("other-cluster at w1: is a node of", "other-cluster at w2: is a node of"),
    ),
    Case(
        "workers whose control plane is made again with its CA", new(cp1=HostState(ca_certificate=CA), w1=kubelet(CA))
    ),
    Case(
        "a worker of another cluster, and the API server is silent",
        silent(w1=kubelet(OTHER_CA), w2=kubelet(CA)),
        (f"other-cluster at w1: is a node of another cluster (API server {SERVER}",),
    ),
    Case("a worker of another cluster, and one is running", up(kubelet(OTHER_CA)), ("other-cluster at w1: is a node",)),
    Case("a worker whose node was deleted", up(kubelet(CA))),
    Case("an endpoint that has moved", running(states={"cp1": leading(), "w1": kubelet(CA), "w2": joined()})),
    Case("a worker that trusts two CAs while they are changed", silent(w1=kubelet(OTHER_CA, CA))),
    Case("a kubelet.conf that names the CA's file", silent(w1=joined(ca_certificate=CA))),
    Case(
        "a kubelet.conf that names another CA's file",
        silent(w1=joined(ca_certificate=OTHER_CA)),
        ("other-cluster at w1: is a node of another cluster (API server unknown, CA ",),
    ),
    Case("a kubelet.conf without a CA, of a node that is in the cluster", running()),
    Case(
        "a kubelet.conf without a CA, of a node that is not in the cluster",
        up(joined()),
        ("other-cluster at w1: is a node of another cluster (API server unknown, CA unknown)",),
    ),
    Case(
        "a worker that is a control plane",
        new(w1=kubelet(OTHER_CA, has_admin_conf=True, has_manifests=True)),
        ("other-cluster at w1: is a control plane of a cluster that cp1 does not run",),
    ),
    Case(
        "a control plane that is a worker",
        new(cp1=kubelet(OTHER_CA)),
        ("other-cluster at cp1: is already a worker of a cluster",),
    ),
    Case(
        "a control plane whose admin.conf was taken away",
        new(cp1=kubelet(CA, has_manifests=True, ca_certificate=CA)),
        ("other-cluster at cp1: is a control plane without /etc/kubernetes/admin.conf",),
    ),
    Case(
        "a fresh machine with somebody's admin.conf",
        new(cp1=HostState(has_admin_conf=True)),
        ("other-cluster at cp1: has /etc/kubernetes/admin.conf but nothing else",),
    ),
    Case(
        "a join of ours that was killed", silent(w1=HostState(join_begun=True, has_kubelet_conf=True, kubelet_ca="x"))
    ),
    Case(
        "data of an earlier etcd",
        new(cp1=HostState(stray_etcd=("member",))),
        ('etcd-data at cp1: /var/lib/etcd is not empty ("member"): kubeadm init refuses',),
    ),
    Case(
        "a file system of its own for etcd",
        new(cp1=HostState(stray_etcd=("lost+found",))),
        ('etcd-data at cp1: /var/lib/etcd is not empty ("lost+found")',),
    ),
    Case(
        "data that stood in the way of our try already",
        new(cp1=HostState(stray_etcd=("member",), init_begun=True)),
        ("etcd-data at cp1: /var/lib/etcd",),
    ),
    Case("an etcd's data on a worker are nobody's business", new(w1=HostState(stray_etcd=("member",)))),
    Case("a cluster with its etcd elsewhere", silent(cp1=leading(ca_certificate=CA, stray_etcd=("member",)))),
    Case(
        "half of somebody's join",
        new(w1=HostState(has_bootstrap_conf=True)),
        ("half-made at w1: has /etc/kubernetes/bootstrap-kubelet.conf",),
    ),
    Case(
        "the certificate of somebody's join",
        new(w1=HostState(ca_certificate=OTHER_CA)),
        ("half-made at w1: has /etc/kubernetes/pki/ca.crt of an unfinished kubeadm join",),
    ),
    Case("a CA of one's own for the new cluster", new(cp1=HostState(ca_certificate=OTHER_CA))),
    Case("our half of a join", new(w1=HostState(join_begun=True, has_bootstrap_conf=True, ca_certificate=CA))),
    Case(
        "a control plane that was to be one and is to be a worker",
        new(w1=HostState(init_begun=True, has_manifests=True)),
        ("other-role at w1: provisioner's kubeadm init did not finish there",),
    ),
    Case(
        "a worker that was to be one and is to be a control plane",
        new(cp1=HostState(join_begun=True)),
        ("other-role at cp1: provisioner's kubeadm join did not finish there",),
    ),
    Case(
        "a bridge of an earlier life",
        linked("cni0", "10.244.3.1/24"),
        ("old-network at w1: has the interface cni0 of an earlier network (10.244.3.1/24)",),
    ),
    Case(
        "a bridge of our own try, which is reset", linked("cni0", "10.244.3.1/24", new(w1=HostState(join_begun=True)))
    ),
    Case("a bridge of a node that we reset", linked("cni0", "10.244.3.1/24", up(kubelet(CA)))),
    Case("the bridge of a node", linked("cni0", "10.244.1.1/24", running())),
    Case("a bridge of the part that the node keeps", linked("cni0", "10.244.1.1/24", kept("10.244.1.0/24"))),
    Case(
        "a bridge of another part than the node keeps",
        linked("cni0", "10.244.3.1/24", kept("10.244.1.0/24")),
        ("old-network at w1: has the interface cni0",),
    ),
    Case(
        "another plug-in's interface",
        linked("flannel.1", "10.244.3.0/32"),
        ("old-network at w1: has the interface flannel.1 of an earlier network",),
    ),
    Case("Flannel sets its own right", linked("flannel.1", "10.244.3.0/32", FLANNEL)),
    Case("Flannel's bridge", linked("cni0", "10.244.3.1/24", FLANNEL), ("old-network at w1: has the interface cni0",)),
    Case("a bridge, and a manifest", linked("cni0", "10.9.0.1/24", BY_MANIFEST), ("old-network at w1: has",)),
    Case("what a manifest may know", linked("vxlan.calico", "10.244.3.0/32", BY_MANIFEST)),
    Case("a network that is nobody's business", linked("cni0", "10.9.0.1/24", new(cluster(network={"type": "none"})))),
    Case("a bridge of podman's", linked("cni-podman0", "10.88.0.1/16")),
    Case(
        "files that come with packages",
        new(w1=HostState(cni_files=("87-podman.conflist", "100-crio-bridge.conflist", "200-loopback.conf"))),
    ),
    Case(
        "all of it at once",
        linked("cni0", "10.9.0.1/24", new(cp1=HostState(stray_etcd=("member",)), w1=kubelet(OTHER_CA))),
        ("other-cluster at w1: is", "etcd-data at cp1: /var", "old-network at w1: has the interface cni0"),
    ),
)


def errors(seen: View) -> list[str]:
    found = (problem for problem in preflight.rules(seen) if problem.severity is Severity.ERROR)
    return [f"{one.rule} at {one.where}: {one.message}" for one in found if one.rule != "image-missing"]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES])
def test_findings_of_other_lives(case: Case) -> None:
    found = errors(case.view)
    assert len(found) == len(case.findings), found
    for text, expected in zip(found, case.findings, strict=True):
        assert text.startswith(expected)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES if case.findings])
def test_what_to_do_can_be_pasted(case: Case) -> None:
    """Each hint has a command and the machine to run it on, and nothing of ours that does not exist."""
    for problem in preflight.rules(case.view):
        if problem.severity is Severity.ERROR and problem.rule != "image-missing":
            assert "`" in problem.hint, problem
            assert problem.where in problem.hint, problem


@pytest.mark.parametrize(
    "state",
    [
        joined(kubelet_ca="%%%", kubelet_server="\x1b[2Jhttps://x"),
        joined(kubelet_ca=base64.b64encode(b"\xff\xfe").decode(), kubelet_server="\u202eevil" * 99),
        joined(kubelet_ca="QQ", kubelet_server="$(reboot)"),
        joined(kubelet_ca=encoded("-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n")),
        joined(ca_certificate="-----BEGIN CERTIFICATE-----\n"),
        HostState(stray_etcd=("\x1b[2J",)),
    ],
    ids=["no base64", "no text", "cut off", "no certificate", "half a certificate", "a name"],
)
def test_nonsense_is_shown_as_what_it_is(state: HostState, tally: Tally) -> None:
    name = "cp1" if state.stray_etcd else "w1"
    (found,) = errors(silent(w1=state) if name == "w1" else new(cp1=state))
    assert f" at {name}: " in found
    assert found.isprintable()
    assert len(found) < 250
    tally("hostile inputs tried", 1)
