"""Every rule of preflight: what it finds on machines that are not fit, and nothing on those that are."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from provisioner import preflight
from provisioner.errors import Severity
from provisioner.inventory.values import Endpoint
from provisioner.world.facts import HostState
from provisioner.world.view import View
from tests.builders import (
    CA,
    IMAGES,
    NOW_S,
    bundle,
    cluster,
    facts,
    host,
    joined,
    leading,
    live,
    nic,
    node,
    running,
    view,
)

ONE = cluster(host("cp1", "10.0.0.11"))
OTHER_CA = base64.b64encode(CA.replace("MII", "MIJ").encode()).decode()
THIS_CA = base64.b64encode(CA.encode()).decode()


@dataclass(frozen=True)
class Case:
    """A view, and what is found in it: `rule at where: part of the message`; a warning begins with `(warning)`."""

    title: str
    view: View
    findings: tuple[str, ...] = ()


def alone(**changes: object) -> View:
    """A control plane alone, whose machine is different in some way."""
    return view(ONE, facts={"cp1": facts("cp1", "10.0.0.11", **changes)})


def listening(state: HostState) -> View:
    return view(ONE, states={"cp1": state})


def configured(**settings: object) -> View:
    """A running cluster, and an inventory whose settings are others."""
    return running(cluster(**settings))


def worker(state: HostState) -> View:
    return running(states={"cp1": leading(), "w1": state, "w2": joined()})


def reinstalled(**changes: object) -> View:
    """A cluster whose node object of w1 says that; the machine w1 itself is fresh."""
    nodes = (node("cp1", 0), node("w1", 1, **changes), node("w2", 2))
    return running(states={"cp1": leading(), "w1": HostState(), "w2": joined()}, live=live(*nodes))


def stocked(*images: str) -> View:
    """A bundle of these images alone."""
    return view(ONE, bundle=bundle(images))


ALL = tuple(IMAGES)
ADDRESSES = {"w1": "10.0.0.21", "w2": "10.0.0.22"}
TWINS = {"w1": facts("w1", "10.0.0.21", machine_id="same"), "w2": facts("w2", "10.0.0.22", machine_id="same")}
NAMESAKES = {name: facts("debian", address, machine_id=name) for name, address in ADDRESSES.items()}
SAME_MAC = {
    name: facts(name, address, addresses=(nic("eth0", f"{address}/24", mac="52:54:00:12:34:56"),))
    for name, address in ADDRESSES.items()
}
SAME_BRIDGE = {
    name: facts(name, address, addresses=(nic("docker0", "172.17.0.1/16", mac="same"), nic("eth0", f"{address}/24")))
    for name, address in ADDRESSES.items()
}
NO_ID = {"w1": facts("w1", "10.0.0.21", machine_id=""), "w2": facts("w2", "10.0.0.22", machine_id="")}
BEHIND_NAT = cluster(host("cp1", "vm1.example.org"), host("w1", "vm2.example.org"))

CASES = (
    Case("fresh machines that are fit", view()),
    Case("a cluster that is up", running()),
    Case(
        "another release of the distribution",
        alone(codename="trixie"),
        ("distribution at cp1: runs debian trixie, and the bundle is for debian bookworm",),
    ),
    Case(
        "another distribution",
        alone(distribution="ubuntu", codename="noble"),
        ("distribution at cp1: runs ubuntu noble",),
    ),
    Case(
        "a distribution without a code name",
        alone(distribution="alpine", codename="", release="3.20"),
        ("distribution at cp1: runs alpine 3.20",),
    ),
    Case("another architecture", alone(architecture="arm64"), ("architecture at cp1: is arm64, the bundle is amd64",)),
    Case("no systemd", alone(init="init"), ("init at cp1: its init system is init",)),
    Case("too little memory", alone(memory_mib=1024), ("memory at cp1: has 1024 MiB of memory",)),
    Case("as little memory as a worker needs", view(facts={"w1": facts("w1", "10.0.0.21", memory_mib=700)})),
    Case("one processor", alone(cpus=1), ("processors at cp1: has 1 processor(s)",)),
    Case("one processor is enough for a worker", view(facts={"w1": facts("w1", "10.0.0.21", cpus=1)})),
    Case("a full disk", alone(disk_free_mib=512), ("disk at cp1: has 512 MiB free below /var",)),
    Case(
        "a disk that the cluster has filled",
        running(ONE, facts={"cp1": facts("cp1", "10.0.0.11", disk_free_mib=512)}),
    ),
    Case("a clock that is late", alone(clock_s=NOW_S - 600), ("clock at cp1: its clock is 600 s behind",)),
    Case("a clock that is early", alone(clock_s=NOW_S + 61), ("clock at cp1: its clock is 61 s ahead of",)),
    Case("a clock that is nearly right", alone(clock_s=NOW_S + 59)),
    Case("cloned machines", view(facts=TWINS), ("duplicate-machine-id at w1, w2: have the same machine-id same",)),
    Case("the same host name", view(facts=NAMESAKES), ("duplicate-hostname at w1, w2: have the same hostname debian",)),
    Case(
        "the same network card",
        view(facts=SAME_MAC),
        ("duplicate-mac at w1, w2: have the same MAC 52:54:00:12:34:56",),
    ),
    Case("bridges of container engines may be the same", view(facts=SAME_BRIDGE)),
    Case("no machine id is not the same one", view(facts=NO_ID)),
    Case(
        "no address but that of every NAT",
        view(BEHIND_NAT, facts={name: facts(name, "10.0.2.15") for name in ("cp1", "w1")}),
        ("node-address at cp1: has no address of its own", "node-address at w1: has no address of its own"),
    ),
    Case(
        "a node_ip that the machine has not",
        view(cluster(host("cp1", "10.0.0.11", node_ip=IPv4Address("10.9.9.9")))),
        ("node-address at cp1: has no interface with its node_ip 10.9.9.9",),
    ),
    Case(
        "a port that is taken",
        listening(HostState(listening=((22, "sshd"), (6443, "haproxy"), (6443, "haproxy"), (10250, "")))),
        ("port-taken at cp1: port 6443 is taken by haproxy", "port-taken at cp1: port 10250 is taken by another"),
    ),
    Case("a port that only a control plane needs", view(states={"w1": HostState(listening=((6443, "haproxy"),))})),
    Case("ports of a node's own", running(states={"cp1": leading(listening=((6443, "kube-apiserver"),))})),
    Case(
        "ports of a killed init",
        view(states={"cp1": HostState(init_begun=True, listening=((6443, "kube-apiserver"),))}),
        ("(warning) init-unfinished at cp1: an earlier kubeadm init",),
    ),
    Case("a foreign half", listening(HostState(has_manifests=True)), ("half-made at cp1: has parts of an unfinished",)),
    Case(
        "a node of another cluster", worker(joined(kubelet_ca=OTHER_CA)), ("other-cluster at w1: is a node of another",)
    ),
    Case("a node of this cluster", worker(joined(kubelet_ca=THIS_CA))),
    Case("a machine that was reinstalled a moment ago", reinstalled(internal_ip="10.0.0.21")),
    Case("a machine that was reinstalled long ago", reinstalled(internal_ip="10.0.0.21", ready=False)),
    Case("a machine that takes the place of a dead one", reinstalled(internal_ip="10.0.0.99", ready=False)),
    Case(
        "a machine with the name of another",
        reinstalled(internal_ip="10.0.0.99"),
        ("namesake at w1: the cluster already has a Ready node of that name, at 10.0.0.99: another machine",),
    ),
    Case(
        "a node that the inventory does not name",
        running(live=live(*(node(name, number) for number, name in enumerate(("cp1", "w1", "w2", "old"))))),
        ("(warning) other-node at old: in the cluster but not in the inventory: provisioner does not change it",),
    ),
    Case(
        "an image is missing",
        stocked(*(name for name in ALL if "scheduler" not in name)),
        ("image-missing at every control plane: image k8s.gcr.io/kube-scheduler:v1.20.2 is not in the bundle",),
    ),
    Case(
        "another version of an image",
        stocked(*(name.replace("kube-proxy:v1.20.2", "kube-proxy:v1.20.1") for name in ALL)),
        (
            "image-missing at every control plane: image k8s.gcr.io/kube-proxy:v1.20.2 is not in the bundle, which "
            "has k8s.gcr.io/kube-proxy:v1.20.1",
        ),
    ),
    Case(
        "another etcd, which an earlier patch may want",
        stocked(*(name.replace("3.4.13-0", "3.4.9-1") for name in ALL)),
        (
            "(warning) image-missing at every control plane: image k8s.gcr.io/etcd:3.4.13-0 is not in the bundle, "
            "which has k8s.gcr.io/etcd:3.4.9-1",
        ),
    ),
    Case("a cluster that is up needs no more images", running(ONE, bundle=bundle(()))),
    Case(
        "several control planes",
        view(cluster(host("cp1", "10.0.0.11"), host("cp2", "10.0.0.12"))),
        ("control-planes at cp2: the inventory has 2 control planes",),
    ),
    Case(
        "an upgrade",
        running(ONE, live=live(node("cp1", 0, version="1.19.11"), version="1.19.11")),
        ("upgrade at cp1: runs Kubernetes 1.19.11, and the inventory wants 1.20.2",),
    ),
    Case(
        "other networks and another domain",
        configured(pod_cidr="10.200.0.0/16", service_cidr="10.112.0.0/12", dns_domain="other.example"),
        (
            "cluster-setting at cp1: the running cluster has pod_cidr 10.244.0.0/16",
            "cluster-setting at cp1: the running cluster has service_cidr 10.96.0.0/12",
            "cluster-setting at cp1: the running cluster has dns_domain cluster.local",
        ),
    ),
    Case(
        "another endpoint",
        configured(control_plane_endpoint=Endpoint("api.example.org")),
        ("(warning) cluster-setting at cp1: the running cluster has control_plane_endpoint 10.0.0.11:6443",),
    ),
    Case(
        "other arguments",
        configured(api_server_extra_args={"v": "4"}, scheduler_extra_args={"v": "2"}),
        (
            "(warning) cluster-setting at cp1: the running cluster has api_server_extra_args {}",
            "(warning) cluster-setting at cp1: the running cluster has scheduler_extra_args {}",
        ),
    ),
    Case("a name may change: it is the kubeconfig's", configured(name="other")),
)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES])
def test_findings(case: Case) -> None:
    found = preflight.rules(case.view)
    marks = {Severity.ERROR: "", Severity.WARNING: "(warning) "}
    texts = [f"{marks[one.severity]}{one.rule} at {one.where}: {one.message}" for one in found]
    assert len(texts) == len(case.findings), texts
    for text, expected in zip(texts, case.findings, strict=True):
        assert text.startswith(expected)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES if case.findings])
def test_every_error_says_what_to_do(case: Case) -> None:
    assert all(problem.hint for problem in preflight.rules(case.view) if problem.severity is Severity.ERROR)


def test_all_findings_come_at_once() -> None:
    poor = facts("cp1", "10.0.0.11", memory_mib=100, cpus=1, disk_free_mib=1, clock_s=0.0, init="runit")
    rules = [problem.rule for problem in preflight.rules(view(ONE, facts={"cp1": poor}))]
    assert rules == ["init", "memory", "processors", "disk", "clock"]


def test_machines_outside_the_limit_are_not_judged() -> None:
    poor = {"w2": facts("w2", "10.0.0.22", memory_mib=1)}
    assert preflight.rules(view(facts=poor, limit=frozenset({"cp1", "w1"}))) == ()
