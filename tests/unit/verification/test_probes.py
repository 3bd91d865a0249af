from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from provisioner.core.report import Reach
from provisioner.inventory.networks import AnyNetwork, BridgeNetwork, CalicoNetwork, ManifestNetwork
from provisioner.verification import probe_objects, probes, questions, survey
from provisioner.verification.hearing import policy_reaches
from provisioner.verification.kubectl import KubectlError, LostError, run
from provisioner.verification.objects import Pod
from provisioner.verification.paths import NetworkPath
from provisioner.verification.questions import Answer, Name
from provisioner.verification.survey import Survey
from provisioner.verification.turn import BusyError
from provisioner.verification.walk import Asked, names_to_look_up, promises_policies
from tests.unit.verification.conftest import Answered, FakeHost, kubectl_on

FINE = {
    node: Pod(f"probe-{node}", node, "Running", True, ip=f"10.244.{number}.2")
    for number, node in enumerate(["cp1", "w1"])
}


def pod_item(pod: Pod) -> dict[str, Any]:
    ready = {"type": "Ready", "status": str(pod.ready)}
    waiting = [{"state": {"waiting": {"reason": pod.waiting}}}] if pod.waiting else []
    status = {"phase": pod.phase, "podIP": pod.ip, "conditions": [ready], "containerStatuses": waiting}
    return {"metadata": {"name": pod.name}, "spec": {"nodeName": pod.node}, "status": status}


def cluster_with(pods: dict[str, Pod], says: Callable[[str], str] = lambda command: "", exec_code: int = 0) -> Any:
    """A cluster that answers kubectl; `says` is what a pod prints, from the command that asks it."""

    def answer(command: str) -> Answered:
        if " apply " in command:
            ports = [{"nodePort": 30000 + number} for number, _ in enumerate(pods)]
            service = {"kind": "Service", "spec": {"clusterIP": "10.96.7.7", "ports": ports}}
            return Answered(json.dumps({"items": [{"kind": "Namespace"}, service]}))
        if " get pods" in command:
            return Answered(json.dumps({"items": [pod_item(pod) for pod in pods.values()]}))
        return Answered(says(command), "error: it broke", exec_code) if " exec " in command else Answered()

    return answer


def all_answer(command: str) -> str:
    """As the scripts do when all are reached."""
    targets = re.findall(r"([a-z-]+:[A-Za-z0-9]+) \S+ (\S+|'[^']*') (?:open|closed)", command)
    return "".join(f"{name} ok {says}\n" for name, says in targets)


def test_probes_run_on_each_node_whatever_its_taints_and_without_rights() -> None:
    items = {item["kind"]: item for item in probe_objects.manifest("ns", ["cp1", "w1"])["items"]}
    spec = items["DaemonSet"]["spec"]["template"]["spec"]
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchFields"][0]["values"] for term in terms] == [["cp1"], ["w1"]]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["containers"][0]["image"] == probe_objects.IMAGE


OURS = probe_objects.IMAGE


@pytest.mark.parametrize(("image", "pulls"), [(OURS, "Never"), ("registry.example/busybox:1", "IfNotPresent")])
def test_our_own_image_is_never_pulled_from_a_registry_of_that_name(image: str, pulls: str) -> None:
    daemon_set = probe_objects.manifest("ns", ["w1"], image)["items"][2]
    container = daemon_set["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == (image, pulls)


def test_the_service_finds_the_probes_and_all_of_it_can_be_found_again() -> None:
    items = {item["kind"]: item for item in probe_objects.manifest("ns", ["w1"])["items"]}
    assert items["Service"]["spec"]["selector"] == items["DaemonSet"]["spec"]["template"]["metadata"]["labels"]
    labels = {"=".join(pair) for item in items.values() for pair in item["metadata"]["labels"].items()}
    assert labels == {probe_objects.LABEL}


def test_each_port_of_a_service_leads_to_one_pod() -> None:
    service, endpoints = probe_objects.by_node("ns", tuple(FINE.values()))["items"]
    leads = {subset["ports"][0]["name"]: subset["addresses"][0]["ip"] for subset in endpoints["subsets"]}
    assert [leads[port["name"]] for port in service["spec"]["ports"]] == [pod.ip for pod in FINE.values()]
    assert "selector" not in service["spec"]


def test_a_policy_leaves_one_port_open() -> None:
    assert probe_objects.policy("ns")["spec"]["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("w1 ok probe-w1\nS ok probe-cp1\n", [("w1", True, "probe-w1"), ("S", True, "probe-cp1")]),
        ("w1 failed nc: timed out\n", [("w1", False, "nc: timed out"), ("S", False, "no answer in time")]),
        ("noise\n\nw1 ok\n", [("w1", True, ""), ("S", False, "no answer in time")]),
        ("", [("w1", False, "no answer in time"), ("S", False, "no answer in time")]),
    ],
)
def test_answers(text: str, heard: list[tuple[str, bool, str]]) -> None:
    assert questions.answers(text, ["w1", "S"]) == tuple(Answer(*row) for row in heard)


STARTING = Pod("p", "w1", "Pending", False, waiting="ContainerCreating")
NEVER = Pod("p", "w1", "Pending", False, waiting="ErrImageNeverPull")


@pytest.mark.parametrize(
    ("pods", "missing", "waits"),
    [
        ([FINE["cp1"], FINE["w1"]], {}, False),
        ([FINE["cp1"], STARTING], {"w1": "is ContainerCreating"}, True),
        ([FINE["cp1"], NEVER], {"w1": "is ErrImageNeverPull"}, False),
        ([FINE["cp1"]], {"w1": "was not created"}, True),
    ],
)
def test_waiting_for_probes(pods: list[Pod], missing: dict[str, str], waits: bool) -> None:
    assert probes.missing_probes(pods, ["cp1", "w1"]) == missing
    assert bool(probes.worth_waiting(pods, ["cp1", "w1"])) is waits


def take(pods: dict[str, Pod], answer: Any, **asked: Any) -> tuple[Survey, FakeHost]:
    kubectl, host = kubectl_on(answer)
    return survey.take(kubectl, Asked(list(pods), **{"hosts": {}} | asked), lambda what: None), host


def test_every_node_is_asked_by_every_path_and_the_namespace_goes() -> None:
    machine = FakeHost(lambda command: Answered("" if " largest " in command else all_answer(command)))
    addresses = {"cp1": "192.0.2.1", "w1": "192.0.2.2"}
    asked = {"hosts": {"cp1": machine, "w1": machine}, "addresses": addresses, "api_address": "10.96.0.1:443"}
    found, host = take(FINE, cluster_with(FINE, all_answer), **asked)
    assert all(reach.ok for reach in found.reaches)
    counts = Counter(reach.path for reach in found.reaches)
    assert counts == {
        "pod-to-pod": 4, "pod-to-service": 4, "hairpin": 2, "api-server": 2,
        "machine-to-pod": 4, "machine-to-service": 6, "node-port": 4,
    }  # fmt: skip
    assert "192.0.2.2:30001" in machine.ran[0]
    assert "10.96.7.7:9001" in machine.ran[0]
    assert (found.missing, found.trouble) == ({}, "")
    assert found.pod_ips == {"cp1": "10.244.0.2", "w1": "10.244.1.2"}
    namespaces = [word for word in host.ran[-1].split() if word.startswith("provisioner-verify-")]
    assert "delete namespace" in host.ran[-1]
    assert namespaces[0] in host.ran[1]


def test_sizes_are_measured_from_the_pod_by_its_machine() -> None:
    says = "largest-packet:w1 failed packets as large as the pod's MTU (1500 bytes) do not arrive\n"
    machine = FakeHost(lambda command: Answered(says if " largest " in command else ""))
    found, _ = take(FINE, cluster_with(FINE), hosts={"cp1": machine})
    assert [command for command in machine.ran if " largest probe-cp1 largest-packet:w1 10.244.1.2" in command]
    (reach,) = found.by(NetworkPath.PATH_MTU, "cp1")
    assert (reach.target, reach.ok) == ("w1", False)


def test_a_machine_without_ping_says_nothing_about_sizes() -> None:
    found, _ = take(FINE, cluster_with(FINE), hosts={"cp1": FakeHost(lambda command: Answered())})
    assert found.by(NetworkPath.PATH_MTU, "cp1") == ()


def test_policies_are_tried_last_and_against_a_port_that_was_open() -> None:
    found, host = take(FINE, cluster_with(FINE, all_answer), policies=True)
    assert [reach.ok for reach in found.by(NetworkPath.POLICY_DENY, "cp1")] == [True]
    assert [reach.ok for reach in found.by(NetworkPath.POLICY_ALLOW, "cp1")] == [True]
    policy = next(place for place, command in enumerate(host.ran) if "NetworkPolicy" in command)
    assert all(" exec " in command or "delete namespace" in command for command in host.ran[policy + 1 :])


DENY = Reach("policy-deny", "cp1", "w1", True)


@pytest.mark.parametrize(
    ("before", "after", "means"),
    [
        (DENY, DENY, ""),
        (DENY, replace(DENY, ok=False, text="probe-w1"), "a policy denies it, but there is an answer"),
        (replace(DENY, ok=False), DENY, "there was no answer even before a policy denied it"),
    ],
)
def test_what_an_answer_under_a_policy_means(before: Reach, after: Reach, means: str) -> None:
    (found,) = policy_reaches([before], [after])
    assert (found.ok, found.text) == (not means, means)


def test_leftovers_of_a_killed_verification_go_first() -> None:
    _, host = take(FINE, cluster_with(FINE))
    assert f"delete namespace --selector {probe_objects.LABEL} --wait=false" in host.ran[0]


def test_a_probe_that_cannot_start_is_no_reason_to_leave_anything_behind() -> None:
    kubectl, host = kubectl_on(cluster_with({"w1": NEVER}))
    found = survey.take(kubectl, Asked(["w1"], {}), lambda what: None)
    assert found.missing == {"w1": "is ErrImageNeverPull"}
    assert "delete namespace" in host.ran[-1]


def test_an_interruption_removes_the_probes() -> None:
    kubectl, host = kubectl_on(cluster_with({"w1": STARTING}))

    def interrupt(what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey.take(kubectl, Asked(["w1"], {}), interrupt)
    assert "delete namespace provisioner-verify-" in host.ran[-1]


def test_a_pod_that_cannot_be_asked_is_named_with_the_reason() -> None:
    found, _ = take(FINE, cluster_with(FINE, exec_code=1))
    reaches = found.by(NetworkPath.HAIRPIN, "cp1")
    assert [reach.text for reach in reaches] == ["could not be asked: kubectl exec probe-cp1: error: it broke"]
    assert {reach.ok for reach in found.reaches} == {False}


def test_a_cluster_that_refuses_is_trouble_and_not_a_crash() -> None:
    kubectl, _ = kubectl_on(lambda command: Answered("", "The connection was refused", 1))
    assert (
        survey.take(kubectl, Asked(["w1"], {}), lambda what: None).trouble
        == "kubectl delete namespace: The connection was refused"
    )


def test_the_probes_wait_for_their_turn_and_are_gone_before_the_next() -> None:
    kubectl, host = kubectl_on(cluster_with(FINE))
    seen: list[int] = []

    @contextmanager
    def turn() -> Iterator[None]:
        seen.append(len(host.ran))
        yield
        seen.append(len(host.ran))

    survey.take(kubectl, Asked(list(FINE), {}), lambda what: None, turn)
    assert seen == [0, len(host.ran)]
    assert "delete namespace" in host.ran[-1]


def test_somebody_elses_turn_is_trouble_and_their_probes_stay() -> None:
    kubectl, host = kubectl_on(cluster_with(FINE))

    def turn() -> AbstractContextManager[None]:
        raise BusyError("another verification is running")

    assert survey.take(kubectl, Asked(["w1"], {}), lambda what: None, turn).trouble == "another verification is running"
    assert host.ran == []


def test_nobody_to_ask() -> None:
    kubectl, host = kubectl_on(cluster_with({}))
    assert survey.take(kubectl, Asked([], {}), lambda what: None).idle
    assert host.ran == []


def test_names_are_looked_up_where_there_is_dns() -> None:
    says = "dns-inside:DNS ok\n"
    names = {NetworkPath.DNS_INSIDE: Name("kubernetes.default.svc.cluster.local", "10.96.0.1")}
    found, host = take({"w1": FINE["w1"]}, cluster_with({"w1": FINE["w1"]}, lambda command: says), names=names)
    assert found.by(NetworkPath.DNS_INSIDE, "w1") == (Reach("dns-inside", "w1", "DNS", True),)
    assert any("dns-inside:DNS kubernetes.default.svc.cluster.local 10.96.0.1" in command for command in host.ran)


@pytest.mark.parametrize(("codes", "outside"), [((0, 0), True), ((0, 2), False), ((2, 2), False), ((), False)])
def test_names_of_the_world_are_asked_for_where_all_machines_know_them(codes: tuple[int, ...], outside: bool) -> None:
    hosts = {
        f"w{place}": FakeHost(partial(lambda rc, command: Answered(rc=rc), code)) for place, code in enumerate(codes)
    }
    names = names_to_look_up(hosts, Name("kubernetes.default.svc.cluster.local"), "world.example")
    assert (names.get(NetworkPath.DNS_OUTSIDE) == Name("world.example")) is outside
    assert NetworkPath.DNS_INSIDE in names


@pytest.mark.parametrize(
    ("network", "promises"),
    [
        (BridgeNetwork(), False),
        (CalicoNetwork(), True),
        (ManifestNetwork(manifest="own.yaml"), False),
        (ManifestNetwork(manifest="own.yaml", network_policies=True), True),
    ],
)
def test_of_a_manifest_of_ones_own_the_inventory_says_whether_it_promises(network: AnyNetwork, promises: bool) -> None:
    assert promises_policies(network) is promises


def test_kubectl_says_what_it_could_not_do() -> None:
    kubectl, host = kubectl_on(lambda command: Answered("", "", 124))
    with pytest.raises(KubectlError, match="kubectl get nodes: no answer in time"):
        kubectl("--namespace=x", "get", "nodes")
    assert "--kubeconfig=/etc/kubernetes/admin.conf" in host.ran[0]


def test_a_lost_connection_is_told_in_the_words_of_ssh() -> None:
    def broken(command: str) -> Answered:
        raise RuntimeError(Answered(stderr="mux: x\r\nclient_loop: send disconnect: Broken pipe\r\n", rc=255))

    with pytest.raises(LostError, match="lost the connection: client_loop: send disconnect: Broken pipe") as caught:
        run(FakeHost(broken), "true")
    assert caught.value.said.startswith("mux")
