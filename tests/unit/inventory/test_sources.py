"""What `-i` may name besides a YAML file, and what is said about files that cannot be read. Programs: tests/ansible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.errors import Severity
from provisioner.inventory.loader import check, load
from provisioner.inventory.model import Cluster
from tests.unit.inventory.conftest import Write

CLUSTER = "cluster: {kubernetes_version: 1.20.2, pod_cidr: 10.1.0.0/16}\n"
INI = (
    "[control_plane]\ncp1 ansible_host=192.0.2.1\n[workers]\nw[1:2] ansible_port=2222\n[all:vars]\nansible_user=root\n"
)
YAML = """
all:
  vars:
    ansible_user: root
    cluster: {kubernetes_version: 1.20.2, pod_cidr: 10.1.0.0/16}
  children:
    control_plane: {hosts: {cp1: {ansible_host: 192.0.2.1}}}
    workers: {hosts: {"w[1:2]": {ansible_port: 2222}}}
"""


def problems(path: Path) -> list[str]:
    """Where (below the inventory's directory), how bad and which rule."""
    found = check(path)[1]
    return [
        f"{problem.where.removeprefix(f'{path.parent}/')} {problem.severity.value} {problem.rule}" for problem in found
    ]


def only(path: Path) -> str:
    """The one problem that there is, in full."""
    cluster, found = check(path)
    assert len(found) == 1
    assert (cluster is None) == (found[0].severity is Severity.ERROR)
    return str(found[0])


def described(cluster: Cluster) -> Cluster:
    return cluster.model_copy(update={"path": Path()})


@pytest.mark.parametrize(
    ("files", "inventory"),
    [
        ({"hosts.ini": INI, "group_vars/all.yml": CLUSTER}, "hosts.ini"),
        ({"hosts": INI, "group_vars/all/cluster.yaml": CLUSTER}, "hosts"),
        ({"hosts.ini": INI + "cluster={'kubernetes_version': '1.20.2', 'pod_cidr': '10.1.0.0/16'}\n"}, "hosts.ini"),
        ({"prod/hosts.ini": INI, "prod/all.yaml": f"all: {{vars: {{{CLUSTER.strip()}}}}}"}, "prod"),
        ({"prod/hosts": INI, "prod/group_vars/all.yml": CLUSTER}, "prod"),
        ({"hosts": YAML}, "hosts"),
        (
            {"hosts.ini": "[control_plane]\ncp1\n[workers]\nw1\nw2\n", "group_vars/workers.yml": "ansible_port: 2222",
             "group_vars/all.yml": f"ansible_user: root\n{CLUSTER}", "host_vars/cp1": "ansible_host: 192.0.2.1"},
            "hosts.ini",
        ),
    ],
)  # fmt: skip
def test_the_same_cluster_in_other_words(files: dict[str, str], inventory: str, write: Write) -> None:
    expected = described(load(write(YAML)))
    (path := write("")).unlink()
    for name, text in files.items():
        write(text, name)
    assert problems(path.parent / inventory) == []
    assert described(load(path.parent / inventory)) == expected


def test_ini_has_no_types_and_needs_none(write: Write) -> None:
    write(CLUSTER, "group_vars/all.yml")
    lines = "ansible_user=1000 ansible_become=yes ansible_port='\"22\"' node_labels=\"{'a': 'b'}\" node_ip=192.0.2.9"
    host = load(write(f"[control_plane]\ncp1 {lines}\n", "hosts.ini")).host("cp1")
    assert (host.user, host.become, host.port, host.node_labels, str(host.node_ip)) == (
        "1000", True, 22, {"a": "b"}, "192.0.2.9",
    )  # fmt: skip


@pytest.mark.parametrize("inventory", ["prod", "prod/hosts.ini"])
def test_file_names_begin_at_the_inventorys_directory(inventory: str, write: Write) -> None:
    key = write("", "prod/keys/id_ed25519")
    key.chmod(0o600)
    write(f"ansible_ssh_private_key_file: keys/id_ed25519\n{CLUSTER}", "prod/group_vars/all.yml")
    path = write("[control_plane]\ncp1\n", "prod/hosts.ini").parents[1] / inventory
    # The key is no inventory, and Ansible would try to read it as one.
    key.rename(key.parents[2] / "id_ed25519")
    (key.parents[1] / "keys").rmdir()
    assert [problem.split()[2] for problem in problems(path)] == ["missing-file"]
    assert str(key) in str(check(path)[1][0])


def test_problems_are_told_where_they_stand(write: Write) -> None:
    write("cluster:\n  kubernetes_version: 1.20.2\n  pod_cidr: 10.96.0.0/16\n  nme: x\n", "prod/group_vars/all.yml")
    write("ansible_port: ssh\n", "prod/host_vars/w1.yml")
    write("[control_plane]\ncp1\n\n[workers]\nw1\n", "prod/1.ini")
    directory = write("workers:\n  hosts:\n    W2:\n", "prod/2.yaml").parent
    assert problems(directory) == [
        "prod/2.yaml:3 error bad-name",
        "prod/group_vars/all.yml:3 error overlapping-networks",
        "prod/group_vars/all.yml:4 error unknown-key",
        "prod/host_vars/w1.yml:1 error wrong-type",
    ]
    assert "cluster.pod_cidr: the pod network" in str(check(directory)[1][1])


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"group_vars/workers": "", "group_vars/workers.yml": ""}, "group_vars/workers.yml warning not-read"),
        ({"group_vars/wokers.yml": ""}, "group_vars/wokers.yml warning not-read"),
        ({"group_vars/workers.yml": "ansible_group_priority: 2"}, "group_vars/workers.yml:1 warning not-read"),
        ({"group_vars/workers.yml": "- a"}, "group_vars/workers.yml:1 error wrong-type"),
        ({"group_vars/workers.yml": "a: 1\nb: ["}, "group_vars/workers.yml:2 error yaml"),
        (
            {"group_vars/workers.yml": "ansible_port: 1\nansible_port: 1"},
            "group_vars/workers.yml:2 error duplicate-key",
        ),
        ({"group_vars/workers.yml": f"\n{CLUSTER}"}, "group_vars/workers.yml:2 error misplaced"),
        ({"group_vars/workers.yml": "node_ip: '{{ x }}'"}, "group_vars/workers.yml:1 error template"),
        ({"group_vars/workers.yml": "ansible_password: x"}, "group_vars/workers.yml:1 error password"),
        ({"group_vars/workers.yml": "$ANSIBLE_VAULT;1.1;AES256\n61"}, "group_vars/workers.yml error vault"),
        (
            {"host_vars/w1.json": '{"ansible_user": {"__ansible_vault": "$ANSIBLE_VAULT;1.1"}}'},
            "host_vars/w1.json:1 error vault",
        ),
        ({"host_vars/w1/a.yml": "ansible_port: 0"}, "host_vars/w1/a.yml:1 error bad-value"),
    ],
)
def test_what_lies_beside_the_inventory(files: dict[str, str], found: str, write: Write) -> None:
    path = write(INI.replace("w[1:2]", "w1") + "cluster={'kubernetes_version': '1.20.2'}\n", "hosts.ini")
    for name, text in files.items():
        write(text, name)
    assert problems(path) == [found]


def test_variables_for_names_that_are_not_there_are_nobodys_business(write: Write) -> None:
    write(CLUSTER, "group_vars/all.yml")
    write("a: 1", "group_vars/databases.yml")
    write("a: 1", "host_vars/w3.yml")
    assert problems(write(INI, "hosts.ini")) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("hosts.toml", "[web.hosts]\n", "write it as YAML, or as INI"),
        ("aws_ec2.yml", "plugin: amazon.aws.aws_ec2\n", "save the output of `ansible-inventory --list"),
        ("hosts.yaml", "$ANSIBLE_VAULT;1.1;AES256\n61\n", "this file is encrypted with ansible-vault"),
        ("hosts", "#!/usr/bin/env python3\n", "is not executable\n    → chmod +x"),
        ("hosts.yaml", "[web]\nw1\n", "Then give the file another ending, such as .ini"),
        ("hosts", "---\nall: [\n", "this is not valid YAML"),
        ("hosts", "all:\n\tchildren:\n", "indent with spaces, never with tabs"),
        ("hosts.json", '{"all": ]', "this is not valid YAML"),
        ("hosts.json", "[]", "an inventory is a mapping that begins with `all:`, this file is a list"),
    ],
)
def test_what_is_refused_says_what_to_do(name: str, text: str, says: str, write: Write) -> None:
    path = write(text, name)
    assert says in only(path)
    assert only(path).startswith(str(path))


def test_a_list_of_hosts_is_no_inventory(tmp_path: Path) -> None:
    assert "write the hosts into a file" in only(tmp_path / "w1,w2,")


def test_one_bad_file_of_a_directory_is_all_there_is_to_say(write: Write) -> None:
    write("[control_plane\n", "prod/1.yaml")
    directory = write("[workers]\nw1\n", "prod/2.ini").parent
    assert problems(directory) == ["prod/1.yaml:2 error yaml"]


def test_settings_that_are_missing_are_missed_in_the_inventory(write: Write) -> None:
    assert problems(write(INI, "hosts.ini")) == ["hosts.ini:5 error missing-key"]
    assert problems(write(INI, "prod/hosts.ini").parent) == ["prod error missing-key"]


def test_json_is_read_as_json(write: Write) -> None:
    value = {"control_plane": {"hosts": {"cp1": {"ansible_user": "r/t", "ansible_port": 22}}}}
    write(CLUSTER, "group_vars/all.yml")
    path = write(json.dumps(value, indent="\t").replace("r/t", "r\\u006ft"), "hosts.json")
    assert load(path).host("cp1").user == "rot"
