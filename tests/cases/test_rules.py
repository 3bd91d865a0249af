"""The catalog's rules: what does not go together, and where exactly it begins."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from provisioner.catalog import rules
from provisioner.catalog.kubernetes import rules_for
from provisioner.catalog.runtimes import Name
from provisioner.errors import Problem


def told(problems: Iterable[Problem]) -> list[str]:
    """`rule: severity`, and every finding says where and what to do."""
    found = list(problems)
    assert all(problem.where == "w1" and problem.hint for problem in found)
    return [f"{problem.rule} {problem.severity.value}" for problem in found]


VERSIONS = [
    ("1.20", "docker", "20.10.24+dfsg1-1", []),
    ("1.23", "docker", "5:20.10.24~3-0~debian-bullseye", []),
    ("1.23", "docker", "5:24.0.7-1~debian.12~bookworm", ["runtime-too-new warning"]),
    ("1.23", "docker", "5:29.0.0-1~debian.12~bookworm", ["runtime-too-new error"]),
    ("1.24", "docker", "5:29.0.0-1~debian.12~bookworm", []),
    ("1.22", "containerd", "1.7.27-1", []),
    ("1.22", "containerd", "2.0.0", ["runtime-too-new error"]),
    ("1.23", "containerd", "2.0.0", []),
    ("1.25", "containerd", "1.5.11", []),
    ("1.26", "containerd", "1.5.11", ["runtime-too-old error"]),
    ("1.26", "containerd", "1.6.0", []),
    ("1.35", "containerd", "1.7.28", []),
    ("1.36", "containerd", "1.7.28", ["runtime-too-old warning"]),
    ("1.36", "containerd", "2.0.1", []),
    ("1.99", "containerd", "1.5.0", ["runtime-too-old error"]),
    ("1.30", "cri-o", "1.30.4", []),
    ("1.30", "cri-o", "1.29.4", ["cri-o-of-another-minor warning"]),
]


@pytest.mark.parametrize(("series", "program", "version", "findings"), VERSIONS)
def test_versions_of_a_runtime(series: str, program: str, version: str, findings: list[str]) -> None:
    assert told(rules.runtime_version(rules_for(series), program, version, "w1")) == findings


@pytest.mark.parametrize(
    ("series", "version", "findings"),
    [
        ("1.32", "1.7.24", []),
        ("1.32", "1.7.23", ["runtime-untested warning"]),
        ("1.32", "2.0.0", ["runtime-untested warning"]),
        ("1.32", "2.3.1", []),
        ("1.36", "2.1.5", ["runtime-untested warning"]),
        ("1.20", "1.4.0", []),
    ],
)
def test_what_containerd_s_project_tests(series: str, version: str, findings: list[str]) -> None:
    assert told(rules.runtime_tested(rules_for(series), version, "w1")) == findings


@pytest.mark.parametrize(
    ("series", "name", "usable"),
    [
        ("1.23", Name.DOCKERSHIM, True),
        ("1.24", Name.DOCKERSHIM, False),
        ("1.23", Name.CRI_DOCKERD, False),
        ("1.24", Name.CRI_DOCKERD, True),
        ("1.19", Name.CONTAINERD, True),
        ("1.37", Name.CRI_O, True),
    ],
)
def test_runtimes_that_a_release_can_use(series: str, name: Name, *, usable: bool) -> None:
    found = told(rules.runtime_usable(rules_for(series), name, "w1"))
    assert found == ([] if usable else ["runtime-unusable error"])


def test_a_runtime_that_cannot_be_used_names_those_that_can() -> None:
    (problem,) = rules.runtime_usable(rules_for("1.30"), Name.DOCKERSHIM, "w1")
    assert (
        str(problem) == "w1: Kubernetes 1.30 cannot use dockershim\n    → It can use: cri-dockerd, containerd, cri-o."
    )


@pytest.mark.parametrize(
    ("series", "version", "findings"),
    [
        ("1.20", 1, []),
        ("1.30", 1, []),
        ("1.31", 1, ["cgroup-v1 warning"]),
        ("1.34", 1, ["cgroup-v1 warning"]),
        ("1.35", 1, ["cgroup-v1 error"]),
        ("1.35", 2, []),
    ],
)
def test_cgroup_v1(series: str, version: int, findings: list[str]) -> None:
    assert told(rules.cgroup(rules_for(series), version, "w1")) == findings


def test_the_way_out_of_cgroup_v1_is_told() -> None:
    (problem,) = rules.cgroup(rules_for("1.35"), 1, "w1")
    assert "unified_cgroup_hierarchy" in problem.hint
    assert "failCgroupV1: false" in problem.hint


@pytest.mark.parametrize(
    ("series", "flags", "number"),
    [
        ("1.23", {"network-plugin": "cni"}, 0),
        ("1.24", {"network-plugin": "cni", "v": "2"}, 1),
        ("1.34", {"pod-infra-container-image": "x"}, 0),
        ("1.35", {"pod-infra-container-image": "x", "container-runtime": "remote"}, 2),
    ],
)
def test_flags_that_the_kubelet_has_no_more(series: str, flags: dict[str, str], number: int) -> None:
    assert told(rules.kubelet_flags(rules_for(series), flags, "w1")) == ["removed-flag error"] * number


@pytest.mark.parametrize(
    ("api_server", "kubelet", "fine"),
    [
        ("1.20.2", "1.20.15", True),
        ("1.20.2", "1.21.0", False),
        ("1.22.0", "1.20.2", True),
        ("1.23.0", "1.20.2", False),
        ("1.27.0", "1.24.0", False),
        ("1.28.0", "1.25.0", True),
        ("1.29.0", "1.25.0", False),
    ],
)
def test_version_skew(api_server: str, kubelet: str, *, fine: bool) -> None:
    assert told(rules.skew(api_server, kubelet, "w1")) == ([] if fine else ["version-skew error"])


@pytest.mark.parametrize(
    ("version", "number"),
    [("v1.20.2", (1, 20, 2)), ("5:20.10.24~3-0~ubuntu-focal", (20, 10, 24)), ("1.6.20~ds1-1", (1, 6, 20)), ("", ())],
)
def test_numbers_of_versions(version: str, number: tuple[int, ...]) -> None:
    assert rules.number(version) == number
