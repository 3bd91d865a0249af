"""SSH as we speak it, to a server of the test: keys are strict, forwarding is on loopback, a full disk is said."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from provisioner.errors import StepError, UnreachableError
from provisioner.inventory.ssh import Ssh
from provisioner.transports.host_keys import told
from provisioner.transports.ssh import SshTransport
from tests.builders import host


@dataclass
class Server(paramiko.ServerInterface):
    """Lets every client with a key in; records what was asked of it. Every command says this and fails."""

    says: str = ""
    asked: list[object] = field(default_factory=list)

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.asked.append("login")
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._serve, args=(channel,), daemon=True).start()
        return True

    def _serve(self, channel: paramiko.Channel) -> None:
        # A client may hang up before it has heard the end.
        with suppress(OSError, EOFError):
            self._fail(channel)

    def _fail(self, channel: paramiko.Channel) -> None:
        # What is read comes after the answer to the request, which must not be overtaken.
        channel.makefile("rb").read()
        channel.sendall_stderr(self.says.encode())
        channel.send_exit_status(2)
        channel.close()

    def check_port_forward_request(self, address: str, port: int) -> int:
        self.asked.append(("forward", address, port))
        return 40123

    def cancel_port_forward_request(self, address: str, port: int) -> None:
        self.asked.append(("cancel", address, port))


@dataclass(frozen=True)
class Machine:
    """A server on loopback, its key, and where we write down the keys that we know."""

    server: Server
    key: paramiko.PKey
    port: int
    directory: Path

    def known(self, key: paramiko.PKey) -> None:
        (self.directory / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {key.get_name()} {key.get_base64()}\n")

    @contextmanager
    def transport(self) -> Iterator[SshTransport]:
        key = self.directory / "id"
        if not key.exists():
            paramiko.ECDSAKey.generate().write_private_key_file(str(key))
        there = host("w1", "127.0.0.1", port=self.port, private_key_file=key)
        made = SshTransport(there, Ssh(known_hosts=self.directory / "known_hosts", connect_timeout_s=10))
        try:
            yield made
        finally:
            made.close()

    def refused(self) -> UnreachableError:
        with self.transport() as transport, pytest.raises(UnreachableError) as error:
            transport.open()
        assert self.server.asked == [], "it got as far as the login"
        return error.value


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    server, key, open_ones = Server(), paramiko.ECDSAKey.generate(), []

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection = paramiko.Transport(listening.accept()[0])
                open_ones.append(connection)
                connection.add_server_key(key)
                with suppress(paramiko.SSHException, EOFError):
                    connection.start_server(server=server)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield Machine(server, key, listening.getsockname()[1], tmp_path)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in open_ones:
        connection.close()


def test_a_key_that_was_not_confirmed_is_refused_with_its_fingerprint(machine: Machine) -> None:
    error = machine.refused()
    assert "w1: the host key of" in error.message
    assert told(machine.key) in error.details
    assert "provisioner trust" in error.hint
    assert not (machine.directory / "known_hosts").exists(), "nothing is learnt by the way"


def test_a_changed_key_is_refused_with_both_fingerprints(machine: Machine) -> None:
    before = paramiko.ECDSAKey.generate()
    machine.known(before)
    error = machine.refused()
    assert "its host key has CHANGED" in error.message
    known = machine.directory / "known_hosts"
    assert error.details == f"known: {told(before)} ({known}, line 1)\nshown: {told(machine.key)}"


def test_a_bundle_s_port_is_on_loopback_and_gone_afterwards(machine: Machine) -> None:
    machine.known(machine.key)
    with machine.transport() as transport, transport.serve(machine.directory) as port:
        assert port == 40123
        assert machine.server.asked == ["login", ("forward", "127.0.0.1", 0)]
    assert machine.server.asked[2:] == [("cancel", "127.0.0.1", 40123)]


def test_a_disk_that_is_full_is_a_failed_step_and_no_lost_machine(machine: Machine) -> None:
    machine.known(machine.key)
    machine.server.says = "tar: apt/kubelet.deb: Cannot write: No space left on device\n"
    with machine.transport() as transport, pytest.raises(StepError, match="w1: could not store files in /x") as error:
        transport.send_tree(machine.directory, (), "/x")
    assert "No space left on device" in error.value.details
    assert error.value.hint.startswith("The disk is full.")
