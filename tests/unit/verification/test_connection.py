from __future__ import annotations

from pathlib import Path

import pytest
import testinfra.backend

from provisioner.verification.connection import host_spec, ssh_config, why_unreachable
from tests.unit.verification.conftest import a_cluster, a_host


def blocks(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "Host":
            found[value] = {}
        elif key:
            found[list(found)[-1]][key] = value
    return found


def test_a_host_is_reached_as_the_inventory_says() -> None:
    host = a_host("w1", address="10.0.0.5", port=2222, user="admin", private_key_file=Path("/k/my key"))
    assert blocks(ssh_config(a_cluster(host, known_hosts=Path("/i/known_hosts")), Path("/tmp/x")))["w1"] == {
        "HostName": "10.0.0.5",
        "Port": "2222",
        "User": "admin",
        "IdentityFile": '"/k/my key"',
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": '"/i/known_hosts"',
        "GlobalKnownHostsFile": "/dev/null",
        "ControlPath": '"/tmp/x/0"',
    }


def test_without_a_key_or_user_ssh_uses_its_own() -> None:
    found = blocks(ssh_config(a_cluster(a_host("w1")), Path("/tmp/x")))["w1"]
    assert not {"IdentityFile", "IdentitiesOnly", "User"} & set(found)


def test_host_keys_are_checked_and_nothing_is_asked() -> None:
    found = blocks(ssh_config(a_cluster(), Path("/tmp/x")))
    assert {found[name]["StrictHostKeyChecking"] for name in ("cp1", "w1")} == {"yes"}
    assert found["w1"]["UserKnownHostsFile"].endswith('known_hosts" "/etc/ssh/ssh_known_hosts"')
    assert found["*"]["BatchMode"] == "yes"


def test_the_jump_host_is_for_the_hosts_and_as_strict_as_they_are() -> None:
    found = blocks(ssh_config(a_cluster(jump_host="me@gate:2200"), Path("/tmp/x")))
    command = found["w1"]["ProxyCommand"]
    assert command.startswith("ssh -F none -o Port=2200 -o User=me -o StrictHostKeyChecking=yes ")
    assert command.endswith("-o LogLevel=ERROR -W '[w1.example]:22' gate")
    assert "-o BatchMode=yes" in command
    assert "ProxyCommand" not in found["*"]


def test_each_host_has_a_short_control_socket_of_its_own() -> None:
    found = blocks(ssh_config(a_cluster(), Path("/tmp/x")))
    assert [found[name]["ControlPath"] for name in ("cp1", "w1")] == ['"/tmp/x/0"', '"/tmp/x/1"']


@pytest.mark.parametrize("become", [True, False])
def test_testinfra_understands_what_a_host_is_called(become: bool) -> None:
    name, options = testinfra.backend.parse_hostspec(host_spec(a_host("w1", become=become), Path("/a b/c"), 7))
    assert name == "w1"
    assert options.get("sudo", False) is become
    assert (options["connection"], options["ssh_config"], options["timeout"]) == ("ssh", "/a b/c", "7")


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            "ssh: connect to host a port 22: Connection refused\r\n",
            "connect to host a port 22: Connection refused",
            "sshd",
        ),
        (
            "ssh: connect to host a port 22: Connection timed out",
            "connect to host a port 22: Connection timed out",
            "firewall",
        ),
        ("admin@a: Permission denied (publickey).", "admin@a: Permission denied (publickey).", "ansible_user"),
        ("No ED25519 host key is known\nHost key verification failed.", "Host key verification failed.", "known_hosts"),
        (
            "@ REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "Host key verification failed.",
            "another",
        ),
        ("sudo: a password is required", "sudo: a password is required", "NOPASSWD"),
        (
            "ssh: Could not resolve hostname x: Name or service not known",
            "Could not resolve hostname x: Name or service not known",
            "ansible_host",
        ),
        ("", "ssh printed nothing", "by hand"),
    ],
)
def test_why_a_host_did_not_answer(said: str, message: str, hint: str) -> None:
    told = why_unreachable(said)
    assert told[0] == message
    assert hint in told[1]
