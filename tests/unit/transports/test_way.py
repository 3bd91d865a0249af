"""The way to a machine, from the inventory and from what ssh makes of the user's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.errors import UnreachableError, UsageError
from provisioner.inventory.ssh import Ssh
from provisioner.transports.openssh import quoted, ssh_argv
from provisioner.transports.user_config import settings
from provisioner.transports.way import Settings, Stop, Way, stops, way, without_configuration
from tests.builders import host

KEY = Path("/keys/id")
MINE = (Path("/home/me/.ssh/known_hosts"),)


def told(way: Way) -> list[str]:
    """Each stop as user@address:port."""
    return [f"{stop.user}@{stop.address}:{stop.port}" for stop in way.stops]


def found(ssh: Ssh, configuration: dict[str, Settings], **variables: object) -> Way:
    """The way to w1 at 10.0.0.21 where the user's configuration says this of these names."""

    def ask(stop: Stop) -> Settings:
        said = configuration.get(stop.name, Settings(stop.name, user="me", known_hosts=MINE))
        port, user = stop.port or said.port, stop.user or said.user
        return Settings(said.address, port, user, said.keys, said.keys_only, MINE, said.jumps, said.proxy_command)

    return way(host("w1", "10.0.0.21", **{"user": None, "port": None, **variables}), ssh, ask)


def test_without_anything_ssh_s_own_choices_hold() -> None:
    direct = way(host("w1", "10.0.0.21", user=None, port=None), Ssh(), without_configuration)
    assert (direct.name, direct.address, direct.port, direct.user) == ("w1", "10.0.0.21", 22, None)
    assert (direct.keys, direct.keys_only, direct.through, direct.proxy_command) == ((), False, None, "")
    assert [path.name for path in direct.known_hosts] == ["known_hosts", "ssh_known_hosts"]


def test_the_user_s_configuration_says_how_a_machine_is_reached() -> None:
    said = Settings("192.0.2.7", 2222, "ops", keys=(KEY,), keys_only=True)
    direct = found(Ssh(), {"10.0.0.21": said})
    assert told(direct) == ["ops@192.0.2.7:2222"]
    assert (direct.keys, direct.keys_only, direct.agent, direct.known_hosts) == ((KEY,), True, True, MINE)


def test_the_inventory_wins(tmp_path: Path) -> None:
    said = Settings("192.0.2.7", 2222, "ops", keys=(KEY,), jumps=stops("bastion"))
    ssh = Ssh(known_hosts=tmp_path / "known", jump_host="gate:2200")
    one = found(ssh, {"10.0.0.21": said}, user="admin", port=22, private_key_file=tmp_path / "id")
    assert told(one) == ["admin@gate:2200", "admin@192.0.2.7:22"]
    assert (one.keys, one.keys_only, one.agent) == ((tmp_path / "id",), True, False)
    assert {stop.known_hosts for stop in one.stops} == {(tmp_path / "known",)}


def test_a_jump_host_s_own_settings_count_for_it() -> None:
    gate = Settings("203.0.113.5", 2200, "ops", keys=(KEY,))
    one = found(Ssh(jump_host="root@gate"), {"gate": gate}, private_key_file=Path("/keys/machine"))
    assert told(one) == ["root@203.0.113.5:2200", "me@10.0.0.21:22"]
    assert one.stops[0].keys == (Path("/keys/machine"), KEY)


@pytest.mark.parametrize(
    ("jump_host", "said", "expected"),
    [
        ("a,b@b:1", {}, ["me@a:22", "b@b:1", "me@10.0.0.21:22"]),
        ("[fe80::1%eth0]:2222", {}, ["me@fe80::1%eth0:2222", "me@10.0.0.21:22"]),
        (None, {"10.0.0.21": "a,b"}, ["me@a:22", "me@b:22", "me@10.0.0.21:22"]),
        (None, {"10.0.0.21": "b", "b": "a"}, ["me@a:22", "me@b:22", "me@10.0.0.21:22"]),
        # The first of a row is reached as its own settings say; those after it through the one before.
        ("a,b", {"a": "x", "b": "y"}, ["me@x:22", "me@a:22", "me@b:22", "me@10.0.0.21:22"]),
    ],
)
def test_jump_hosts_stand_in_a_row(jump_host: str | None, said: dict[str, str], expected: list[str]) -> None:
    configuration = {name: Settings(name, user="me", jumps=stops(jumps)) for name, jumps in said.items()}
    assert told(found(Ssh(jump_host=jump_host), configuration)) == expected


def test_jump_hosts_that_go_in_a_circle_are_an_error_with_a_way_out() -> None:
    circle = {"10.0.0.21": "a", "a": "b", "b": "a"}
    configuration = {name: Settings(name, jumps=stops(jumps)) for name, jumps in circle.items()}
    with pytest.raises(UnreachableError, match="w1: its jump hosts form a loop") as error:
        found(Ssh(), configuration)
    assert "user_config: false" in error.value.hint


def test_a_proxy_command_is_for_users_without_a_jump_host() -> None:
    said = {"10.0.0.21": Settings("10.0.0.21", proxy_command="nc 10.0.0.21 22")}
    assert found(Ssh(), said).proxy_command == "nc 10.0.0.21 22"
    other = found(Ssh(jump_host="gate"), said)
    assert (other.proxy_command, len(other.stops)) == ("", 2)


G = """host w1
user ops
hostname 192.0.2.7
port 2222
identitiesonly yes
identityfile {home}/%h-key
identityfile {home}/missing
userknownhostsfile /home/me/a b/known_hosts /dev/null
globalknownhostsfile /etc/ssh/ssh_known_hosts
stricthostkeychecking false
hostkeyalias other
"""


def test_what_ssh_prints_is_read(tmp_path: Path) -> None:
    (tmp_path / "192.0.2.7-key").touch()
    assert settings(G.format(home=tmp_path), Stop("w1")) == Settings(
        "192.0.2.7",
        2222,
        "ops",
        keys=(tmp_path / "192.0.2.7-key",),
        keys_only=True,
        known_hosts=(Path("/home/me/a b/known_hosts"), Path("/etc/ssh/ssh_known_hosts")),
    )


@pytest.mark.parametrize(
    ("line", "jumps", "command"),
    [
        ("proxyjump ops@a:2200,[::1]:22", (Stop("a", "ops", 2200), Stop("::1", None, 22)), ""),
        ("proxyjump ssh://ops@a:2200/", (Stop("a", "ops", 2200),), ""),
        ("proxycommand nc %h %p '%r' %n 100%%", (), "nc 192.0.2.7 2222 'ops' w1 100%"),
        ("proxycommand none", (), ""),
        ("", (), ""),
    ],
)
def test_how_others_are_gone_through(line: str, jumps: tuple[Stop, ...], command: str) -> None:
    said = settings(G.format(home="/none") + line, Stop("w1"))
    assert (said.jumps, said.proxy_command) == (jumps, command)


@pytest.mark.parametrize("line", ["proxycommand x %C", "proxycommand x %", "proxyjump :22"])
def test_what_cannot_be_followed_is_no_guess(line: str) -> None:
    with pytest.raises(ValueError, match=r"%|`"):
        settings(G.format(home="/none") + line, Stop("w1"))


def test_no_files_of_known_hosts_are_the_usual_ones() -> None:
    """A user who names none, so that nothing is asked, gets no laxer checks, and `trust` writes no system file."""
    text = G.replace("/home/me/a b/known_hosts /dev/null", "/dev/null").format(home="/none")
    usual = (Path("~/.ssh/known_hosts").expanduser(), Path("/etc/ssh/ssh_known_hosts"))
    assert settings(text, Stop("w1")).known_hosts == usual


def test_every_stop_of_an_ssh_call_is_strict() -> None:
    argv = ssh_argv(found(Ssh(jump_host="a,b"), {}, private_key_file=KEY))
    assert argv[:3] == ["ssh", "-F", "none"]
    assert argv[-1] == "10.0.0.21"
    assert " ".join(argv).count("StrictHostKeyChecking=yes") == 3
    assert "-J" not in argv


@pytest.mark.parametrize("name", ["a\nProxyCommand evil", "a\x1b[2J", "a\0"])
def test_a_file_name_becomes_no_line_of_a_configuration(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be given to ssh"):
        quoted(Path("/x") / name)
