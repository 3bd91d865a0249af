"""What preflight says of versions on these machines, from the catalog's rules."""

from __future__ import annotations

from provisioner.preflight import versions
from provisioner.world.view import View
from tests.builders import cluster, facts, host, leading, live, node, running, view

CP1 = host("cp1", "10.0.0.11")


def found(seen: View) -> list[str]:
    return [f"{problem.rule} at {problem.where}" for rule in versions.RULES for problem in rule(seen)]


def desired(version: str, **changes: object) -> View:
    """A machine that is different in some way, for a Kubernetes of that version."""
    machine = cluster(CP1, kubernetes_version=version)
    return view(machine, facts={"cp1": facts("cp1", "10.0.0.11", **changes)})


def test_cgroup_v1_stops_a_kubelet_that_does_not_start_there() -> None:
    assert "cgroup-v1 at cp1" in found(desired("1.35.8", cgroup_version=1))
    assert found(desired("1.20.2", cgroup_version=1)) == []


def test_a_flag_that_the_kubelet_has_no_more_is_found_at_its_host() -> None:
    old = host("cp1", "10.0.0.11", kubelet_extra_args={"network-plugin": "cni"})
    assert found(view(cluster(old))) == []
    assert "removed-flag at cp1" in found(view(cluster(old, kubernetes_version="1.24.0")))


def test_a_kubelet_newer_than_its_cluster_is_found() -> None:
    nodes = (node("cp1", 0), node("w1", 1, version="1.21.0"), node("w2", 2, version="1.19.0"))
    assert found(running(live=live(*nodes))) == ["version-skew at w1"]


def test_a_cluster_whose_key_is_gone_is_not_worked_on() -> None:
    """A run would make a new one, or start an API server that can read nothing."""
    encrypted = cluster(CP1, encryption="secretbox")
    lost, there = ({"cp1": leading(has_encryption_key=is_there)} for is_there in (False, True))
    told = live(node("cp1", 0), configuration="apiServer: {extraArgs: {encryption-provider-config: x}}")
    assert found(running(encrypted, states=lost, live=told)) == ["key-gone at cp1"]
    assert found(running(encrypted, states=lost, live=None)) == ["key-gone at cp1"]
    assert found(running(encrypted, states=there, live=told)) == []
    assert found(running(encrypted, states=lost)) == [], "this cluster was made without encryption"
    assert found(view(encrypted)) == [], "a new cluster gets its key"
