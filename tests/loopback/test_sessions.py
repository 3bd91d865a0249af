"""An sshd that allows one session per connection, or goes silent: one costs nothing, the other is not waited for."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_SUCCESSFUL, OPEN_FAILED_CONNECT_FAILED, OPEN_SUCCEEDED

from provisioner.core.command import Command
from provisioner.core.report import Event
from provisioner.engine.loop import Run
from provisioner.engine.session import Session, open_fleet
from provisioner.errors import StepError, UnreachableError
from provisioner.inventory.model import Cluster
from provisioner.procedures.bring_up import BRING_UP
from provisioner.transports import channels, ssh
from provisioner.transports.ssh import SshTransport
from provisioner.world import lock
from tests.builders import cluster, host, view

LONG_S = 60
HELD = "echo held back"


@dataclass
class Sshd:
    """A machine that runs what it is sent, one session per connection. A script with HELD in it waits for `go`.

    `silent` is a request that it never answers; `stalls` is when its programs stop: before they read, or after.
    """

    directory: Path
    most_sessions: int = 1
    silent: str = ""
    stalls: str = ""
    says: str = ""
    go: threading.Event = field(default_factory=threading.Event)
    refused: threading.Event = field(default_factory=threading.Event)
    holding: threading.Event = field(default_factory=threading.Event)
    renewed: threading.Event = field(default_factory=threading.Event)
    logins: int = 0
    port: int = 0

    def cluster(self) -> Cluster:
        there = host("cp1", "127.0.0.1", port=self.port, private_key_file=self.directory / "id", become=False)
        options = {"known_hosts": str(self.directory / "known_hosts"), "connect_timeout_s": 10}
        return cluster(there, ssh=options)

    def transport(self) -> SshTransport:
        desired = self.cluster()
        return SshTransport(desired.hosts[0], desired.settings.ssh)


class Connection(paramiko.ServerInterface):
    """One connection to it."""

    def __init__(self, sshd: Sshd) -> None:
        self._sshd = sshd
        self._open = 0

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._sshd.logins += 1
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if self._open >= self._sshd.most_sessions:
            self._sshd.refused.set()
            return OPEN_FAILED_CONNECT_FAILED
        self._open += 1
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self._sshd.silent == "exec":
            self._sshd.go.wait(LONG_S)
        threading.Thread(target=self._serve, args=(channel,), daemon=True).start()
        return True

    def check_port_forward_request(self, address: str, port: int) -> int:
        if self._sshd.silent == "forward":
            self._sshd.go.wait(LONG_S)
        return 40123

    def _serve(self, channel: paramiko.Channel) -> None:
        # A client may hang up before it has heard the end.
        with suppress(OSError, EOFError):
            self._run(channel)

    def _run(self, channel: paramiko.Channel) -> None:
        sshd = self._sshd
        if sshd.says:
            # What is read comes after the answer to the request, which must not be overtaken.
            channel.recv(1)
            channel.sendall_stderr(sshd.says.encode())
            channel.send_exit_status(1)
            channel.close()
            return
        if sshd.stalls:
            channel.recv(1)
            if sshd.stalls == "when it has read all":
                channel.makefile("rb").read()
            sshd.go.wait(LONG_S)
            return
        text = channel.makefile("rb").read().replace(lock.PATH.encode(), str(sshd.directory / "lock").encode())
        if HELD.encode() in text:
            sshd.holding.set()
            sshd.go.wait(LONG_S)
        done = subprocess.run(["/bin/sh", "-s"], input=text, capture_output=True, check=False)
        if b"\nrenewed\n" in done.stdout:
            sshd.renewed.set()
        self._open -= 1
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    key, open_ones, made = paramiko.ECDSAKey.generate(), [], Sshd(tmp_path)
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "id"))

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection = paramiko.Transport(listening.accept()[0])
                open_ones.append(connection)
                connection.add_server_key(key)
                with suppress(paramiko.SSHException, EOFError):
                    connection.start_server(server=Connection(made))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        made.port = listening.getsockname()[1]
        line = f"[127.0.0.1]:{made.port} {key.get_name()} {key.get_base64()}\n"
        (tmp_path / "known_hosts").write_text(line)
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield made
        made.go.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in open_ones:
        connection.close()


def test_a_session_that_is_refused_waits_and_disturbs_no_other(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "_REFUSED_PAUSE_S", 0.01)
    transport, said = sshd.transport(), {}

    def say(word: str) -> None:
        (result,) = transport.run([Command(("/bin/sh", "-c", word))])
        said[word] = result.stdout

    threads = [threading.Thread(target=say, args=(word,)) for word in (HELD, "echo second")]
    threads[0].start()
    assert sshd.holding.wait(LONG_S)
    threads[1].start()
    assert sshd.refused.wait(LONG_S)
    sshd.go.set()
    for thread in threads:
        thread.join()
    transport.close()
    assert said == {HELD: "held back\n", "echo second": "second\n"}
    assert sshd.logins == 1


def test_sessions_that_are_never_opened_are_an_error_that_names_the_setting(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "_REFUSED_S", 0)
    sshd.most_sessions = 0
    transport = sshd.transport()
    with pytest.raises(UnreachableError, match="cp1: its sshd has opened no session for 0 s") as error:
        transport.run([Command(("true",))])
    assert "MaxSessions" in error.value.hint
    sshd.most_sessions = 1
    assert transport.run([Command(("true",))])[0].ok
    transport.close()
    assert sshd.logins == 1, "the connection is not lost"


def test_signs_of_life_are_given_while_the_only_session_is_at_work(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISIONER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(lock, "BEAT_S", 0.01)
    said: list[Event] = []
    desired = sshd.cluster()
    with open_fleet(desired, ["cp1"], said.append) as fleet:
        run = fleet.transports["cp1"]
        assert run.run([Command(("true",))])[0].ok
        assert sshd.logins == 1, "a run that changes nothing takes no lock, and connects once"
        session = Session(desired, None, Run(replace(BRING_UP, name="lab tour"), fleet, said.append), view(desired))
        work = threading.Thread(target=partial(run.run, [Command(("/bin/sh", "-c", HELD))]))
        with session.lock(fleet, view(desired, run="run1")):
            work.start()
            assert sshd.holding.wait(LONG_S)
            sshd.renewed.clear()
            assert sshd.renewed.wait(LONG_S)
            sshd.go.set()
            work.join()
            assert "doing=lab tour\n" in (tmp_path / "lock").read_text()
    assert not (tmp_path / "lock").exists()
    assert (said, sshd.logins, sshd.refused.is_set()) == ([], 2, False)


@pytest.mark.parametrize("stalls", ["before it reads", "when it has read all"])
def test_files_that_a_machine_does_not_take_are_not_waited_for(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch, stalls: str
) -> None:
    monkeypatch.setattr(channels, "STALLED_S", 0.5)
    sshd.stalls = stalls
    with (sshd.directory / "large").open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    transport = sshd.transport()
    with pytest.raises(UnreachableError, match=r"was lost: while sending files: no progress for 0\.5 s"):
        transport.send_tree(sshd.directory, ("large",), "/x")
    transport.close()


def test_a_machine_that_ends_before_it_has_all_files_says_why(sshd: Sshd) -> None:
    sshd.says = "mkdir: cannot create directory '/x': Read-only file system\n"
    with (sshd.directory / "large").open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    transport = sshd.transport()
    with pytest.raises(StepError, match="cp1: could not store files in /x") as error:
        transport.send_tree(sshd.directory, ("large",), "/x")
    assert "Read-only file system" in error.value.details
    transport.close()


@pytest.mark.parametrize("silent", ["exec", "forward"])
def test_a_request_that_is_never_answered_is_a_lost_connection(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr(ssh, "PATIENCE", 0.05)
    sshd.silent = silent
    transport = sshd.transport()
    ask = {"exec": lambda: transport.run([Command(("true",))]), "forward": transport.serve(sshd.directory).__enter__}
    with pytest.raises(UnreachableError, match=r"cp1: the connection to 127\.0\.0\.1 was lost"):
        ask[silent]()
    transport.close()
