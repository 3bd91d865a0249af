"""The kubeconfig at home: closed to others, never in the way of other clusters, merged only when asked."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from provisioner.errors import UsageError
from provisioner.kubeconfig import is_current, merged, renamed, save

ADMIN = """
apiVersion: v1
kind: Config
clusters: [{name: kubernetes, cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: QUJD}}]
contexts: [{name: kubernetes-admin@kubernetes, context: {cluster: kubernetes, user: kubernetes-admin}}]
users: [{name: kubernetes-admin, user: {client-certificate-data: QQ==, client-key-data: Qg==}}]
current-context: kubernetes-admin@kubernetes
"""
OTHER = """
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters: [{name: work, cluster: {server: "https://work"}}]
contexts: [{name: work, context: {cluster: work, user: me}}]
users: [{name: me, user: {token: t}}]
current-context: work
"""


def names(text: str, key: str) -> list[str]:
    return [entry["name"] for entry in yaml.safe_load(text)[key]]


def test_names_tell_the_cluster() -> None:
    config = renamed(ADMIN, "lab")
    assert config["current-context"] == "lab"
    assert config["contexts"] == [{"name": "lab", "context": {"cluster": "lab", "user": "lab-admin"}}]
    assert config["users"][0]["user"]["client-key-data"] == "Qg=="


def test_merging_keeps_what_is_there() -> None:
    text = merged(OTHER, renamed(ADMIN, "lab"))
    assert names(text, "clusters") == ["work", "lab"]
    assert names(text, "users") == ["me", "lab-admin"]
    assert yaml.safe_load(text)["preferences"] == {"colors": True}
    assert yaml.safe_load(text)["current-context"] == "lab"


def test_merging_twice_is_merging_once() -> None:
    once = merged(OTHER, renamed(ADMIN, "lab"))
    assert merged(once, renamed(ADMIN, "lab")) == once


def test_merging_into_nothing_gives_a_kubeconfig() -> None:
    assert names(merged("", renamed(ADMIN, "lab")), "clusters") == ["lab"]


def test_a_file_that_is_no_kubeconfig_is_refused() -> None:
    with pytest.raises(UsageError, match="not a mapping"):
        merged("- a\n- b\n", renamed(ADMIN, "lab"))


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lab.yaml"
    save(path, ADMIN, "lab", merge=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["lab.yaml"]


def test_a_file_of_another_cluster_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHER)
    with pytest.raises(UsageError, match="other clusters") as caught:
        save(path, ADMIN, "lab", merge=False)
    assert "--merge" in caught.value.hint
    assert path.read_text() == OTHER


def test_the_same_clusters_file_is_renewed(tmp_path: Path) -> None:
    path = tmp_path / "config"
    save(path, ADMIN, "lab", merge=False)
    save(path, ADMIN.replace("QUJD", "WFla"), "lab", merge=False)
    assert "WFla" in path.read_text()


def test_merge_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHER)
    path.chmod(0o644)
    save(path, ADMIN, "lab", merge=True)
    assert names(path.read_text(), "clusters") == ["work", "lab"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_whether_a_file_is_this_clusters(tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert not is_current(path, "ABC")
    path.write_text(ADMIN)
    assert is_current(path, "ABC")
    assert not is_current(path, "XYZ")
