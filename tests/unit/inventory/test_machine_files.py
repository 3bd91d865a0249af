"""The files beside an inventory that are put on machines: what is in them is checked before it goes anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.inventory import machine_files
from tests.builders import cluster

GOOD_POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"


def found(**settings: object) -> list[str]:
    return [f"{finding.rule}: {finding.message}" for finding in machine_files.findings(cluster(**settings))]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD_POLICY, None),
        ("", "is not an audit policy"),
        ("- a list", "is not an audit policy"),
        (GOOD_POLICY.replace("/v1", "/v1beta1"), "is not an audit policy"),
        (GOOD_POLICY.replace("[{level: Metadata}]", "[]"), "is not an audit policy"),
        ("rules: [", "is not YAML"),
    ],
)
def test_audit_policies(tmp_path: Path, text: str, says: str | None) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    problems = found(audit_policy=policy)
    assert len(problems) == (1 if says else 0)
    assert not says or says in problems[0]


@pytest.mark.parametrize(
    ("name", "version", "good"),
    [
        ("kube-apiserver.yaml", "1.20.2", True),
        ("etcd0+json.json", "1.20.2", True),
        ("kube-scheduler-b+merge.yaml", "1.20.2", True),
        ("kube-apisrver.yaml", "1.20.2", False),
        ("etcd+patch.yaml", "1.20.2", False),
        ("kubeletconfiguration.yaml", "1.24.0", False),
        ("kubeletconfiguration.yaml", "1.25.0", True),
        ("kubeproxydaemonset.yaml", "1.36.0", False),
        ("kubeproxydaemonset.yaml", "1.37.0", True),
    ],
)
def test_names_of_patches(tmp_path: Path, name: str, version: str, *, good: bool) -> None:
    (tmp_path / name).write_text("{}")
    problems = found(patches=tmp_path, kubernetes_version=version)
    series = version.rpartition(".")[0]
    assert problems == ([] if good else [f"bad-patch: {name} is not a patch for Kubernetes {series}"])


def test_a_patch_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "etcd.yaml").write_text("a: [")
    (problem,) = found(patches=tmp_path)
    assert problem.endswith("etcd.yaml is not YAML")


def test_only_what_is_a_patch_goes_to_machines(tmp_path: Path) -> None:
    for name in ("etcd.yaml", "README.md", "kube-scheduler.json"):
        (tmp_path / name).write_text(name)
    read = machine_files.contents(cluster(patches=tmp_path, audit_policy=tmp_path / "README.md"))
    assert {path.name: text for path, text in read.items()} == {
        "README.md": "README.md", "etcd.yaml": "etcd.yaml", "kube-scheduler.json": "kube-scheduler.json",
    }  # fmt: skip
