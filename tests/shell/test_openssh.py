"""What OpenSSH itself understands of the ways that we give it: every stop strict, quotes and percent signs whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.errors import UnreachableError
from provisioner.inventory.ssh import Ssh
from provisioner.transports.openssh import ssh_argv
from provisioner.transports.user_config import way_to
from provisioner.transports.way import Settings, default_known_hosts, way, without_configuration
from provisioner.verification.connection import ssh_config
from tests.builders import host
from tests.unit.verification.conftest import a_cluster, a_host

ODD = Path("/my 'keys'/100% \"mine\" \\x")


def understood(*arguments: str) -> dict[str, str]:
    """What ssh would use. Of keywords that stand there several times: the first."""
    said = subprocess.run(["ssh", "-G", *arguments], capture_output=True, text=True, check=True).stdout
    return {key: value for key, _, value in (line.partition(" ") for line in reversed(said.splitlines()))}


def argv_of_the_stop_before(options: dict[str, str]) -> list[str]:
    """The ssh that a ProxyCommand starts, as ssh and the shell hand it over."""
    command = options["proxycommand"].replace("%%", "%")
    shown = ["sh", "-c", f"ssh() {{ printf '%s\\0' \"$@\"; }}; {command}"]
    said = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    return said.split("\0")[:-1]


def test_a_direct_way() -> None:
    w1 = host("w1", "10.0.0.21", user="ops", port=2222, private_key_file=ODD)
    said = understood(*ssh_argv(way(w1, Ssh(known_hosts=ODD), without_configuration))[1:])
    assert {key: said[key] for key in ("hostname", "port", "user", "identityfile", "identitiesonly")} == {
        "hostname": "10.0.0.21",
        "port": "2222",
        "user": "ops",
        "identityfile": str(ODD).replace("%", "%%"),
        "identitiesonly": "yes",
    }
    assert (said["stricthostkeychecking"], said["globalknownhostsfile"]) == ("true", "/dev/null")
    assert said["userknownhostsfile"] == str(ODD)
    assert "proxyjump" not in said
    assert "proxycommand" not in said


def test_every_stop_of_a_long_way_is_strict() -> None:
    ssh = Ssh(known_hosts=ODD, jump_host="ops@gate:2200,[fe80::1%eth0]")
    said = understood(*ssh_argv(way(host("w1", "10.0.0.21"), ssh, without_configuration))[1:])
    for forward, address, port in (("[10.0.0.21]:22", "fe80::1%eth0", "22"), ("[fe80::1%eth0]:22", "gate", "2200")):
        argv = argv_of_the_stop_before(said)
        assert argv[argv.index("-W") + 1] == forward
        said = understood(*argv)
        assert (said["hostname"], said["port"]) == (address, port)
        assert (said["stricthostkeychecking"], said["userknownhostsfile"]) == ("true", str(ODD))
    assert "proxycommand" not in said


def test_a_proxy_command_stays_as_it_was_written() -> None:
    command = "nc -x 'a b' 100% \"$HOME\""
    direct = way(
        host("w1", "10.0.0.21"), Ssh(), lambda stop: Settings(stop.name, known_hosts=(ODD,), proxy_command=command)
    )
    assert understood(*ssh_argv(direct)[1:])["proxycommand"].replace("%%", "%") == command


def test_verify_and_ssh_go_the_same_way(tmp_path: Path) -> None:
    one = a_host("w1", user="ops", private_key_file=ODD)
    cluster = a_cluster(one, jump_host="gate", known_hosts=ODD)
    (tmp_path / "config").write_text(ssh_config(cluster, tmp_path))
    verify = understood("-F", str(tmp_path / "config"), "w1")
    by_hand = understood(*ssh_argv(way_to(one, cluster.settings.ssh))[1:])
    same = ("hostname", "port", "user", "identityfile", "stricthostkeychecking", "userknownhostsfile")
    assert [verify[key] for key in same] == [by_hand[key] for key in same]
    assert "StrictHostKeyChecking=yes" in verify["proxycommand"]


def test_the_user_s_configuration_is_read_as_ssh_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / ".ssh"
    directory.mkdir()
    (tmp_path / "more").write_text("Host web*\n  HostName %h.example\n  User ops\n")
    (directory / "config").write_text(
        f"Include {tmp_path}/more\n"
        f"Match originalhost web1 exec \"test %h = web1.example && echo ran >>'{tmp_path}/ran'\"\n"
        "  Port 2222\n"
        "Match !originalhost gate\n  ProxyJump gate\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    found = way_to(host("w1", "web1", user=None, port=None), Ssh())
    assert [(stop.address, stop.port) for stop in found.stops] == [("gate", 22), ("web1.example", 2222)]
    assert (found.user, found.known_hosts) == ("ops", default_known_hosts())
    assert found.known_hosts[0] == tmp_path / ".ssh" / "known_hosts"
    # Each machine is asked for once.
    way_to(host("w2", "web1", user=None, port=None), Ssh())
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_what_ssh_refuses_is_said_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  ProxyJump gate\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UnreachableError, match=r"gate: .*config cannot be used: ssh refuses it") as error:
        way_to(host("w1", "10.0.0.21"), Ssh())
    assert "jumphost loop via gate" in error.value.details
    assert "user_config: false" in error.value.hint
