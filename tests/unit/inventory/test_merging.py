"""Ansible's semantics: who belongs to what, and which of several values holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.inventory.loader import check, load
from provisioner.inventory.model import Cluster, Role
from provisioner.inventory.values import Taint
from tests.unit.inventory.conftest import Write

CLUSTER = {"kubernetes_version": "1.20.2"}


def cluster_of(write: Write, all_group: dict[str, Any], **others: Any) -> Cluster:
    """Load an inventory with `cluster` filled in and one control plane that is always there."""
    variables = {"cluster": CLUSTER} | all_group.pop("vars", {})
    top = {"all": {"vars": variables} | all_group, "control_plane": {"hosts": {"cp1": None}}} | others
    return load(write(yaml.safe_dump(top, sort_keys=False)))


@pytest.mark.parametrize(
    ("groups", "user"),
    [
        ({"workers": {"hosts": {"w": {}}}}, "of-all"),
        ({"workers": {"vars": {"ansible_user": "of-group"}, "hosts": {"w": {}}}}, "of-group"),
        (
            {"workers": {"vars": {"ansible_user": "of-group"}, "hosts": {"w": {"ansible_user": "of-host"}}}},
            "of-host",
        ),
        (
            {
                "workers": {
                    "vars": {"ansible_user": "of-parent"},
                    "children": {"a": {"vars": {"ansible_user": "of-child"}, "hosts": {"w": {}}}},
                }
            },
            "of-child",
        ),
        (
            {
                "workers": {"hosts": {"w": {}}},
                "a": {"vars": {"ansible_user": "of-a"}, "hosts": {"w": {}}},
                "b": {"vars": {"ansible_user": "of-b"}, "hosts": {"w": {}}},
            },
            "of-b",
        ),
        (
            {
                "workers": {"hosts": {"w": {}}},
                "a": {"vars": {"ansible_user": "of-a", "ansible_group_priority": 9}, "hosts": {"w": {}}},
                "b": {"vars": {"ansible_user": "of-b"}, "hosts": {"w": {}}},
            },
            "of-a",
        ),
        (
            {  # deeper beats the alphabet and the priority: `a` is below `b` is below `all`
                "workers": {"hosts": {"w": {}}},
                "b": {
                    "vars": {"ansible_user": "of-b", "ansible_group_priority": 9},
                    "children": {"a": {"vars": {"ansible_user": "of-a"}, "hosts": {"w": {}}}},
                },
            },
            "of-a",
        ),
        (
            {  # the longest way counts: `deep` is a direct child of all, and of c
                "workers": {"hosts": {"w": {}}},
                "deep": {"vars": {"ansible_user": "of-deep"}, "hosts": {"w": {}}},
                "c": {"children": {"deep": {}}},
                "z": {"vars": {"ansible_user": "of-z"}, "hosts": {"w": {}}},
            },
            "of-deep",
        ),
    ],
)
def test_precedence(write: Write, groups: dict[str, Any], user: str) -> None:
    cluster = cluster_of(write, {"vars": {"ansible_user": "of-all", "ansible_become": True}, "children": groups})
    assert cluster.host("w").user == user


def test_mappings_replace_each_other_whole(write: Write) -> None:
    labels = {"workers": {"vars": {"node_labels": {"a": "1", "b": "2"}}, "hosts": {"w": {"node_labels": {"c": "3"}}}}}
    assert cluster_of(write, {"children": labels}).host("w").node_labels == {"c": "3"}


def test_a_group_in_several_places_is_one_group(write: Write) -> None:
    cluster = cluster_of(
        write,
        {"children": {"workers": {"hosts": {"w1": None}}}},
        workers={"vars": {"ansible_port": 2222}, "hosts": {"w2": None}},
    )
    assert [(host.name, host.port) for host in cluster.workers] == [("w1", 2222), ("w2", 2222)]


def test_variables_of_a_host_come_from_all_its_places(write: Write) -> None:
    hosts = {"hosts": {"w1": {"ansible_host": "192.0.2.1", "ansible_port": 1}}}
    cluster = cluster_of(write, {**hosts, "children": {"workers": {"hosts": {"w1": {"ansible_port": 2}}}}})
    assert (cluster.host("w1").address, cluster.host("w1").port) == ("192.0.2.1", 2)


def test_a_range_shares_its_variables(write: Write) -> None:
    cluster = cluster_of(write, {}, workers={"hosts": {"w[1:3]:2222": {"node_labels": {"a": "b"}}}})
    assert [host.name for host in cluster.workers] == ["w1", "w2", "w3"]
    assert {(host.port, host.address == host.name) for host in cluster.workers} == {(2222, True)}
    assert all(host.node_labels == {"a": "b"} for host in cluster.workers)


@pytest.mark.parametrize("group", ["control_plane", "kube_control_plane"])
def test_control_planes(write: Write, group: str) -> None:
    cluster = cluster_of(write, {}, **{"control_plane": {}, group: {"hosts": "one"}})
    assert [host.name for host in cluster.control_planes] == ["one"]
    assert cluster.host("one").node_taints is None


@pytest.mark.parametrize("group", ["workers", "kube_node"])
def test_roles_are_inherited(write: Write, group: str) -> None:
    cluster = cluster_of(write, {}, **{group: {"children": {"racks": {"children": {"rack1": {"hosts": {"w": {}}}}}}}})
    assert cluster.host("w").role is Role.WORKER
    assert cluster.host("w").groups == tuple(sorted((group, "rack1", "racks")))


def test_a_host_in_both_roles_is_a_control_plane_without_taints(write: Write) -> None:
    cluster = cluster_of(write, {}, workers={"hosts": {"cp1": None}})
    assert cluster.host("cp1").role is Role.CONTROL_PLANE
    assert cluster.host("cp1").node_taints == ()


def test_taints_that_are_given_hold_in_both_roles(write: Write) -> None:
    cluster = cluster_of(write, {}, workers={"hosts": {"cp1": {"node_taints": ["a=b:NoSchedule"]}}})
    assert cluster.host("cp1").node_taints == (Taint("a", "b", "NoSchedule"),)


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ({"ansible_ssh_host": "192.0.2.9"}, "address", "192.0.2.9"),
        ({"ansible_ssh_port": 2222}, "port", 2222),
        ({"ansible_ssh_user": "root", "ansible_user": "other"}, "user", "root"),
        ({"ansible_host": "2001:db8::1"}, "address", "2001:db8::1"),
        ({"ansible_port": 0o22}, "port", 18),
    ],
)
def test_ansibles_names(write: Write, variables: dict[str, Any], field: str, value: object) -> None:
    cluster = cluster_of(write, {}, workers={"hosts": {"w": variables}})
    assert getattr(cluster.host("w"), field) == value


@pytest.mark.parametrize("name", ["ansible_ssh_private_key_file", "ansible_private_key_file"])
def test_file_names_start_at_the_inventory(
    write: Write, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = {**CLUSTER, "ssh": {"known_hosts": "~/hosts"}, "package_source": {"path": "bundle"}}
    cluster = cluster_of(write, {"vars": {"cluster": settings, name: "keys/id_ed25519"}})
    assert cluster.hosts[0].private_key_file == tmp_path / "keys" / "id_ed25519"
    assert cluster.settings.ssh.known_hosts == tmp_path / "hosts"
    assert cluster.settings.bundles[0].path == tmp_path / "bundle"
    assert cluster.path == tmp_path / "inventory.yaml"


def test_an_inventory_of_the_working_directory(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster_of(write, {"vars": {"ansible_ssh_private_key_file": "keys/id_ed25519"}})
    monkeypatch.chdir(tmp_path)
    assert load(Path("inventory.yaml")).hosts[0].private_key_file == tmp_path / "keys" / "id_ed25519"


def test_merge_keys_and_anchors(write: Write) -> None:
    text = """
all:
  vars:
    cluster: {kubernetes_version: v1.20.2}
  children:
    control_plane: {hosts: {cp1: &defaults {ansible_user: root, ansible_port: 2222}}}
    workers:
      hosts:
        w1: {<<: *defaults, ansible_port: 22}
        w2: *defaults
"""
    cluster = load(write(text))
    assert [(host.user, host.port) for host in cluster.hosts] == [("root", 2222), ("root", 22), ("root", 2222)]


def test_what_is_harmless_is_silent(write: Write) -> None:
    variables = {
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_connection": "ssh",
        "ansible_become_user": "root",
        "ansible_become_method": "sudo",
        "ansible_ssh_pipelining": True,
    }
    top = {"all": {"vars": {"cluster": CLUSTER} | variables}, "control_plane": {"hosts": {"cp1": None}}}
    assert check(write(yaml.safe_dump(top)))[1] == ()
