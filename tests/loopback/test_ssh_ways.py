"""Ways to servers of the test: every stop's key is checked, wherever the stop was named; and how keys are trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest

from provisioner.errors import UnreachableError
from provisioner.inventory.model import Host
from provisioner.inventory.ssh import Ssh
from provisioner.transports.connect import close, connect
from provisioner.transports.host_keys import told
from provisioner.transports.openssh import ssh_argv
from provisioner.transports.trust import Offer, offers
from provisioner.transports.user_config import way_to
from tests.builders import host
from tests.loopback.ssh_servers import Server, line, server
from tests.patience import LONGEST_S

ECDSA, OTHER, RSA = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate(), paramiko.RSAKey.generate(2048)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory with a key and nothing else that ssh could read."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "id"))
    return tmp_path


def at(one: Server, home: Path, name: str = "w1") -> Host:
    return host(name, "127.0.0.1", port=one.port, private_key_file=home / "id", user="admin")


def settings(home: Path, known: str, **other: Any) -> Ssh:
    (home / "known").write_text(known)
    return Ssh(**{"known_hosts": home / "known", "connect_timeout_s": 10, **other})


@contextmanager
def connected(there: Host, ssh: Ssh) -> Iterator[None]:
    connection = connect(there, ssh)
    try:
        yield
    finally:
        close(connection)


def refused(there: Host, ssh: Ssh, ask: Callable[[Host, Ssh], object] = connect) -> UnreachableError:
    with pytest.raises(UnreachableError) as error:
        ask(there, ssh)
    return error.value


def offered(there: Host, ssh: Ssh) -> list[tuple[str, Offer]]:
    return list(offers([there], ssh))


@pytest.fixture
def gate() -> Iterator[Server]:
    with server() as one:
        yield one


@pytest.fixture
def behind() -> Iterator[Server]:
    with server() as one:
        yield one


def by_configuration(home: Path, gate: Server) -> str:
    """The jump host stands in the user's own file, which is lax and wants to learn keys."""
    text = f"Host 127.0.0.1 !gate\n  ProxyJump ops@gate\nHost gate\n  HostName 127.0.0.1\n  Port {gate.port}\n"
    key = f"  IdentityFile {home / 'id'}\n"
    lax = "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
    (home / ".ssh" / "config").write_text(text + key + lax)
    return ""


def by_inventory(home: Path, gate: Server) -> str:
    return f"ops@127.0.0.1:{gate.port}"


Named = Callable[[Path, Server], str]
NAMED = pytest.mark.parametrize("named", [by_configuration, by_inventory])


@NAMED
def test_a_jump_host_whose_key_was_not_confirmed_is_not_logged_in_to(
    home: Path, gate: Server, behind: Server, named: Named
) -> None:
    ssh = settings(home, behind.known, jump_host=named(home, gate) or None)
    error = refused(at(behind, home), ssh)
    assert "jump host" in error.message
    assert f"the host key of [127.0.0.1]:{gate.port} is not known" in error.message
    assert told(gate.keys[0]) in error.details
    assert (gate.asked, behind.asked) == ([], [])


@NAMED
def test_a_jump_host_that_is_known_is_gone_through(home: Path, gate: Server, behind: Server, named: Named) -> None:
    ssh = settings(home, gate.known + behind.known, jump_host=named(home, gate) or None)
    with connected(at(behind, home), ssh):
        assert gate.asked[-1] == ("127.0.0.1", behind.port)
        assert "login of ops" in gate.asked
        assert "login of admin" in behind.asked


def test_a_machine_behind_a_known_jump_host_is_checked_as_well(home: Path, gate: Server, behind: Server) -> None:
    by_configuration(home, gate)
    error = refused(at(behind, home), settings(home, gate.known))
    assert error.message == f"w1: the host key of [127.0.0.1]:{behind.port} is not known"
    assert behind.asked == []


def test_two_jump_hosts_in_a_row(home: Path, gate: Server, behind: Server) -> None:
    with server() as second:
        jumps = f"ops@127.0.0.1:{gate.port},dev@127.0.0.1:{second.port}"
        known = gate.known + second.known + behind.known
        with connected(at(behind, home), settings(home, known, jump_host=jumps)):
            assert (gate.asked[-1], second.asked[-1]) == (("127.0.0.1", second.port), ("127.0.0.1", behind.port))
        assert "jump host 127.0.0.1" in refused(at(behind, home), settings(home, gate.known, jump_host=jumps)).message


def test_the_user_s_configuration_can_be_left_out(home: Path, gate: Server, behind: Server) -> None:
    by_configuration(home, gate)
    with connected(at(behind, home), settings(home, behind.known, user_config=False)):
        assert gate.asked == []


def test_a_jump_host_that_does_not_get_through_is_named(home: Path, gate: Server) -> None:
    by_configuration(home, gate)
    nowhere = host("w1", "127.0.0.1", port=1, private_key_file=home / "id")
    assert "the jump host gate cannot connect to it" in refused(nowhere, settings(home, gate.known)).message


RELAY = """
import json, os, pathlib, socket, sys, threading
pathlib.Path(os.environ["HOME"], "ran").write_text(json.dumps(sys.argv[1:]))
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""


def test_a_proxy_command_is_run_as_it_is_written_and_the_machine_checked(home: Path, behind: Server) -> None:
    program = home / "my proxy"
    program.write_text(f"#!{sys.executable}\n{RELAY}")
    program.chmod(0o755)
    (home / ".ssh" / "config").write_text(f"Host 127.0.0.1\n  ProxyCommand '{program}' %h %p %r '100%%  $HOME'\n")
    assert "is not known" in refused(at(behind, home), settings(home, "")).message
    assert behind.asked == []
    with connected(at(behind, home), settings(home, behind.known)):
        assert "login of admin" in behind.asked
    assert json.loads((home / "ran").read_text()) == ["127.0.0.1", str(behind.port), "admin", "100%  $HOME"]
    assert [offer.known for _, offer in offered(at(behind, home), settings(home, behind.known))] == [True]


def test_a_proxy_command_that_fails_is_an_error_with_a_way_out(home: Path, behind: Server) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  ProxyCommand exit 3\n")
    error = refused(at(behind, home), settings(home, behind.known, connect_timeout_s=1))
    assert "its ProxyCommand in ~/.ssh/config exits, or does not answer" in error.message
    assert "`exit 3`" in error.hint


@pytest.mark.parametrize("text", ["NoSuchOption yes\n", "Host *\n  ProxyCommand nc %C\n"])
def test_a_configuration_that_cannot_be_used_is_an_error_with_a_way_out(home: Path, behind: Server, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)
    error = refused(at(behind, home), settings(home, behind.known))
    assert f"{home}/.ssh/config cannot be used" in error.message
    assert "user_config: false" in error.hint


@pytest.mark.parametrize("known", [ECDSA, RSA], ids=lambda key: key.get_name())
def test_a_server_with_several_keys_is_asked_for_the_one_that_is_known(home: Path, known: paramiko.PKey) -> None:
    with server(ECDSA, RSA) as one:
        ssh = settings(home, line(one.port, known))
        with connected(at(one, home), ssh):
            pass
        assert [offer.known for _, offer in offered(at(one, home), ssh)] == [True]


@pytest.mark.parametrize("now", [OTHER, RSA], ids=["same type", "another type"])
def test_another_key_than_the_known_one_has_changed_and_is_not_offered(home: Path, now: paramiko.PKey) -> None:
    with server(now) as one:
        ssh = settings(home, line(one.port, ECDSA))
        path = home / "known"
        for error in (refused(at(one, home), ssh), refused(at(one, home), ssh, offered)):
            assert f"w1: 127.0.0.1:{one.port}: its host key has CHANGED" in error.message
            assert ("it has no key of a known type" in error.message) is (now is RSA)
            assert error.details == f"known: {told(ECDSA)} ({path}, line 1)\nshown: {told(now)}"
            assert f"`ssh-keygen -R '[127.0.0.1]:{one.port}' -f {path}`" in error.hint
        assert (path.read_text(), one.asked) == (line(one.port, ECDSA), [])


def test_the_hint_can_be_pasted_whatever_the_file_is_called(home: Path) -> None:
    with server(OTHER) as one:
        place = home / "my known hosts"
        place.write_text(line(one.port, ECDSA))
        error = refused(at(one, home), settings(home, "", known_hosts=place))
        assert f"-f '{place}'`" in error.hint


def test_the_system_s_known_hosts_count_where_there_is_no_own_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(RSA) as one:
        system = home / "system"
        system.write_text(line(one.port, ECDSA))
        monkeypatch.setattr("provisioner.transports.way.SYSTEM_KNOWN_HOSTS", system)
        ssh = Ssh(user_config=False)
        with pytest.raises(UnreachableError, match="CHANGED"):
            offered(at(one, home), ssh)
        system.write_text(line(one.port, RSA))
        assert [offer.known for _, offer in offered(at(one, home), ssh)] == [True]


def test_a_revoked_key_is_refused_though_it_is_known(home: Path) -> None:
    with server(ECDSA) as one:
        revoked = f"@revoked * {ECDSA.get_name()} {ECDSA.get_base64()}\n"
        for ssh in (settings(home, one.known + revoked), settings(home, revoked)):
            assert "its host key is REVOKED" in refused(at(one, home), ssh).message
            with pytest.raises(UnreachableError, match="REVOKED"):
                offered(at(one, home), ssh)
        assert one.asked == []


def test_a_certificate_authority_alone_makes_no_machine_known_and_is_said(home: Path) -> None:
    with server(ECDSA) as one:
        error = refused(at(one, home), settings(home, f"@cert-authority * {OTHER.get_name()} {OTHER.get_base64()}\n"))
        assert "is not known" in error.message
        assert "certificate authority is listed" in error.hint


def test_jump_hosts_are_trusted_first_and_then_what_is_behind(home: Path, gate: Server, behind: Server) -> None:
    by_configuration(home, gate)
    ssh = settings(home, "10.9.9.9 ssh-rsa AAAA caf\xe9")
    (home / "known").write_bytes(b"10.9.9.9 ssh-rsa AAAA caf\xe9")
    shown = []
    for name, offer in offers([at(behind, home), at(behind, home, "w2")], ssh):
        shown.append((name, offer.known))
        offer.confirm()
    assert shown == [("jump host gate", False), ("w1", False)]
    assert (home / "known").read_bytes() == b"10.9.9.9 ssh-rsa AAAA caf\xe9\n" + (gate.known + behind.known).encode()
    with connected(at(behind, home), ssh):
        pass


def test_known_hosts_that_cannot_be_read_are_named(home: Path, behind: Server) -> None:
    error = refused(at(behind, home), Ssh(known_hosts=home, connect_timeout_s=10))
    assert f"the known host keys cannot be read: Is a directory: {home}" in error.message


@NAMED
def test_provisioner_ssh_is_as_strict_as_the_others(home: Path, gate: Server, behind: Server, named: Named) -> None:
    def by_hand(known: str) -> str:
        ssh = settings(home, known, jump_host=named(home, gate) or None)
        argv = [*ssh_argv(way_to(at(behind, home), ssh), (("BatchMode", "yes"),)), "true"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=LONGEST_S, check=False).stderr

    assert "Host key verification failed" in by_hand(behind.known)
    assert (gate.asked, behind.asked) == ([], [])
    by_hand(gate.known + behind.known)
    assert "login of ops" in gate.asked
    assert gate.asked[-1] == ("127.0.0.1", behind.port)
    assert "login of admin" in behind.asked
