"""What preflight says of container runtimes: what cannot be had, what cannot be used, what must not be changed."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.errors import Problem, Severity
from provisioner.preflight import runtimes
from provisioner.sources.choice import runtime_source
from provisioner.world.facts import HostState
from provisioner.world.view import View
from tests.builders import cluster, host, joined, leading, live, node, running, view

CP1, W1 = host("cp1", "10.0.0.11"), host("w1", "10.0.0.21")
SHIM, CONTAINERD = "/var/run/dockershim.sock", "unix:///var/run/containerd/containerd.sock"


def problems(seen: View) -> list[Problem]:
    return [problem for rule in runtimes.RULES for problem in rule(seen)]


def found(seen: View) -> list[str]:
    return [f"{problem.rule} at {problem.where}" for problem in problems(seen) if problem.severity is Severity.ERROR]


def desired(kind: str, kubernetes: str = "1.20.2", **settings: Any) -> View:
    return view(cluster(CP1, kubernetes_version=kubernetes, runtime={"type": kind, **settings}))


@pytest.mark.parametrize("version", ["1.19.16", "1.20.2", "1.23.17"])
@pytest.mark.parametrize("kind", ["docker", "containerd"])
def test_docker_and_containerd_of_the_bundle_serve_every_kubelet_of_their_time(kind: str, version: str) -> None:
    assert found(desired(kind, version)) == []


def test_a_bundle_without_cri_dockerd_cannot_give_docker_to_a_kubelet_without_a_shim() -> None:
    (problem,) = problems(desired("docker", "1.24.0"))
    assert problem.rule == "runtime-missing"
    assert "has no cri-dockerd" in problem.message
    assert "provisioner bundle show" in problem.hint


def test_a_bundle_without_cri_o_says_all_that_it_lacks() -> None:
    (problem,) = problems(desired("cri-o"))
    assert "has no cri-o, cri-tools, skopeo" in problem.message


@pytest.mark.parametrize(("there", "expected"), [({}, ["runtime-missing at cp1"]), ({"cri-dockerd": "0.3.4"}, [])])
def test_where_packages_come_from_repositories_cri_dockerd_has_to_be_there(
    there: dict[str, str], expected: list[str]
) -> None:
    machine = cluster(CP1, kubernetes_version="1.30.4", package_source={"type": "upstream"})
    seen = view(machine, states={"cp1": HostState(packages=there)})
    assert found(seen) == expected
    assert runtime_source(seen, CP1).versions.get("cri-dockerd") == there.get("cri-dockerd"), "it is held as it is"


def test_a_containerd_that_is_not_tested_with_a_release_is_a_warning() -> None:
    rules = [(problem.rule, problem.severity) for problem in problems(desired("containerd", "1.33.0"))]
    assert rules == [("runtime-untested", Severity.WARNING)]


def changed(kind: str, endpoint: str, runtime: str, **state: Any) -> View:
    """A node that was made with one runtime, and an inventory with another."""
    nodes = (node("cp1", 0, runtime=runtime), node("w1", 1, runtime=runtime))
    states = {"cp1": leading(runtime_endpoint=endpoint), "w1": joined(runtime_endpoint=endpoint, **state)}
    return running(cluster(CP1, W1, runtime={"type": kind}), live=live(*nodes), states=states)


@pytest.mark.parametrize(
    ("kind", "endpoint", "runtime"),
    [("containerd", SHIM, "docker://20.10.24"), ("docker", CONTAINERD, "containerd://1.6.20~ds1")],
)
def test_the_runtime_of_a_running_node_is_not_changed(kind: str, endpoint: str, runtime: str) -> None:
    refused = ["runtime-change at cp1", "runtime-change at w1"]
    assert found(changed(kind, endpoint, runtime)) == refused
    silent = changed(kind, endpoint, "")
    assert found(silent) == refused, "where the node does not say it, its kubelet was told"
    assert "let it join again" in problems(silent)[0].hint


def test_the_same_runtime_stays_however_the_kubelet_reaches_it() -> None:
    assert found(changed("docker", SHIM, "docker://20.10.24")) == []
    assert found(changed("docker", "unix:///run/cri-dockerd.sock", "docker://28.0.1")) == []
    assert found(changed("containerd", "/run/containerd/containerd.sock", "")) == []


def test_a_half_made_node_is_made_to_its_end_with_the_runtime_it_was_begun_with() -> None:
    half = HostState(init_begun=True, runtime_endpoint=SHIM)
    begun = view(cluster(CP1, runtime={"type": "containerd"}), states={"cp1": half})
    assert found(begun) == ["runtime-change at cp1"]
    assert found(view(cluster(CP1), states={"cp1": half})) == []


def test_what_an_earlier_node_has_left_does_not_bind_a_new_one() -> None:
    left = HostState(runtime_endpoint=SHIM)
    assert found(view(cluster(CP1, runtime={"type": "containerd"}), states={"cp1": left})) == []


def test_docker_beside_another_runtime_has_to_be_desired_for() -> None:
    state = {"cp1": HostState(docker_runs=True)}
    for settings, expected in (
        ({"type": "containerd"}, ["second-runtime at cp1"]),
        ({"type": "containerd", "beside_docker": True}, []),
        ({"type": "docker"}, []),
    ):
        assert found(view(cluster(CP1, runtime=settings), states=state)) == expected


def test_cri_dockerd_does_not_stream_from_1_36_on_unless_told() -> None:
    flag = {"feature-gates": "ExtendWebSocketsToKubelet=false"}
    for machine, expected in ((CP1, 1), (host("cp1", "10.0.0.11", kubelet_extra_args=flag), 0)):
        said = problems(view(cluster(machine, kubernetes_version="1.36.0")))
        assert sum(problem.rule == "cri-dockerd-streams" for problem in said) == expected
