from __future__ import annotations

import json
from typing import Any

import pytest

from provisioner.verification import probes, survey
from provisioner.verification.kubectl import KubectlError, LostError, run
from provisioner.verification.objects import Pod
from provisioner.verification.probes import Answer
from provisioner.verification.survey import SERVICE, Asked
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


def cluster_with(pods: dict[str, Pod], says: str = "", exec_code: int = 0) -> Any:
    """A cluster that answers kubectl; `says` is what every pod prints when it is asked."""

    def answer(command: str) -> Answered:
        if " apply " in command:
            return Answered(
                json.dumps({"items": [{"kind": "Namespace"}, {"kind": "Service", "spec": {"clusterIP": "10.96.7.7"}}]})
            )
        if " get pods" in command:
            return Answered(json.dumps({"items": [pod_item(pod) for pod in pods.values()]}))
        return Answered(says, "error: it broke", exec_code) if " exec " in command else Answered()

    return answer


def test_probes_run_on_each_node_whatever_its_taints_and_without_rights() -> None:
    items = {item["kind"]: item for item in probes.manifest("ns", ["cp1", "w1"])["items"]}
    spec = items["DaemonSet"]["spec"]["template"]["spec"]
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchFields"][0]["values"] for term in terms] == [["cp1"], ["w1"]]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_the_service_finds_the_probes_and_all_of_it_can_be_found_again() -> None:
    items = {item["kind"]: item for item in probes.manifest("ns", ["w1"])["items"]}
    assert items["Service"]["spec"]["selector"] == items["DaemonSet"]["spec"]["template"]["metadata"]["labels"]
    assert {"=".join(pair) for item in items.values() for pair in item["metadata"]["labels"].items()} == {probes.LABEL}


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("w1 ok probe-w1\nService ok probe-cp1\n", [("w1", True, "probe-w1"), (SERVICE, True, "probe-cp1")]),
        ("w1 failed nc: timed out\n", [("w1", False, "nc: timed out"), (SERVICE, False, "no answer in time")]),
        ("noise\n\nw1 ok\n", [("w1", True, ""), (SERVICE, False, "no answer in time")]),
        ("", [("w1", False, "no answer in time"), (SERVICE, False, "no answer in time")]),
    ],
)
def test_answers(text: str, heard: list[tuple[str, bool, str]]) -> None:
    assert probes.answers(text, ["w1", SERVICE]) == tuple(Answer(*row) for row in heard)


STARTING = Pod("p", "w1", "Pending", False, waiting="ContainerCreating")
NEVER = Pod("p", "w1", "Pending", False, waiting="ErrImageNeverPull")


@pytest.mark.parametrize(
    ("pods", "missing", "waits"),
    [
        ([FINE["cp1"], FINE["w1"]], {}, False),
        ([FINE["cp1"], STARTING], {"w1": "is ContainerCreating"}, True),
        ([FINE["cp1"], NEVER], {"w1": "is ErrImageNeverPull"}, False),
        ([FINE["cp1"]], {"w1": "was not made"}, True),
    ],
)
def test_waiting_for_probes(pods: list[Pod], missing: dict[str, str], waits: bool) -> None:
    assert probes.missing_probes(pods, ["cp1", "w1"]) == missing
    assert bool(probes.worth_waiting(pods, ["cp1", "w1"])) is waits


def test_everyone_is_asked_and_the_namespace_goes() -> None:
    says = "cp1 ok probe-cp1\nw1 ok probe-w1\nService ok probe-w1\n"
    kubectl, host = kubectl_on(cluster_with(FINE, says))
    machine = FakeHost(lambda command: Answered("cp1 ok probe-cp1\nw1 failed refused\nService ok probe-cp1\n"))
    found = survey.take(kubectl, Asked(["cp1", "w1"], {"w1": machine}), lambda what: None)
    assert sorted(found.pods) == ["cp1", "w1"]
    assert survey.unheard(found.pods["w1"], "the pod on w1", service=False) == []
    assert survey.unheard(found.machines["w1"], "w1", service=False) == ["w1 cannot reach the pod on w1: refused"]
    assert survey.unheard(found.machines["w1"], "w1", service=True) == []
    assert "10.96.7.7:8080" in machine.ran[0]
    assert (found.missing, found.trouble, found.names) == ({}, "", {})
    namespaces = [word for word in host.ran[-1].split() if word.startswith("provisioner-verify-")]
    assert "delete namespace" in host.ran[-1]
    assert namespaces[0] in host.ran[1]


def test_leftovers_of_a_killed_verification_go_first() -> None:
    kubectl, host = kubectl_on(cluster_with(FINE))
    survey.take(kubectl, Asked(["cp1", "w1"], {}), lambda what: None)
    assert f"delete namespace --selector {probes.LABEL} --wait=false" in host.ran[0]


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
    kubectl, _ = kubectl_on(cluster_with(FINE, exec_code=1))
    found = survey.take(kubectl, Asked(["cp1", "w1"], {}), lambda what: None)
    assert survey.unheard(found.pods["cp1"], "the pod on cp1", service=True) == [
        "the pod on cp1 could not be asked: kubectl exec probe-cp1: error: it broke"
    ]


def test_a_cluster_that_refuses_is_trouble_and_not_a_crash() -> None:
    kubectl, _ = kubectl_on(lambda command: Answered("", "The connection was refused", 1))
    assert (
        survey.take(kubectl, Asked(["w1"], {}), lambda what: None).trouble
        == "kubectl delete namespace: The connection was refused"
    )


def test_nobody_to_ask() -> None:
    kubectl, host = kubectl_on(cluster_with({}))
    assert survey.take(kubectl, Asked([], {}), lambda what: None).idle
    assert host.ran == []


def test_an_answer_of_somebody_else_is_none() -> None:
    heard = survey.by_the_right_one(Answer("w1", True, "probe-cp1"), {"w1": "probe-w1"})
    assert heard == Answer("w1", False, "probe-cp1 answered instead of probe-w1")
    assert survey.by_the_right_one(Answer(SERVICE, True, "probe-cp1"), {"w1": "probe-w1"}).ok


def test_names_are_looked_up_where_there_is_dns() -> None:
    kubectl, _ = kubectl_on(cluster_with({"w1": FINE["w1"]}, "kubernetes.default.svc.cluster.local ok\n"))
    found = survey.take(kubectl, Asked(["w1"], {}, "kubernetes.default.svc.cluster.local"), lambda what: None)
    assert found.names == {"w1": (Answer("kubernetes.default.svc.cluster.local", True, ""),)}


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
