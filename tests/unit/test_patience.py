"""Connecting where too many log in at once, or slowly: what is tried again, for how long, and what is said then."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import paramiko
import pytest
from paramiko.ssh_exception import NoValidConnectionsError

from provisioner.core.command import Command
from provisioner.errors import UnreachableError
from provisioner.inventory.ssh import Ssh
from provisioner.transports.batch import Batch
from provisioner.transports.connect import _transport, dead_after_s
from provisioner.transports.explaining import explain
from provisioner.transports.known_hosts import Known
from provisioner.transports.patience import hung_up, patiently
from provisioner.transports.protocol import no_listener
from provisioner.transports.ssh import SshTransport
from provisioner.transports.way import Way, way, without_configuration
from tests.builders import host


def way_of(ssh: Ssh) -> Way:
    return way(host("w1", "10.0.0.21"), ssh, without_configuration)


BANNER = paramiko.SSHException("Error reading SSH protocol banner")


@dataclass
class Door:
    """A server that meets each attempt with the next of these errors, then lets in; time passes in sleep alone."""

    errors: Iterator[Exception]
    now_s: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def connect(self) -> str:
        for error in self.errors:
            raise error
        return "in"

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds

    def patiently(self, deadline_s: float) -> str:
        return patiently(self.connect, deadline_s, clock=lambda: self.now_s, sleep=self.sleep)


def test_a_refused_connection_is_tried_again_after_longer_and_longer_pauses() -> None:
    door = Door(iter([BANNER, EOFError(), ConnectionResetError(), paramiko.SSHException("Negotiation failed.")]))
    assert door.patiently(60) == "in"
    assert [low <= pause <= 3 * low for pause, low in zip(door.pauses, (0.25, 0.5, 1, 2), strict=True)] == [True] * 4


def test_the_pauses_of_two_are_not_the_same() -> None:
    first, second = (Door(iter([BANNER] * 5)) for _ in range(2))
    first.patiently(60)
    second.patiently(60)
    assert first.pauses != second.pauses


def test_after_the_deadline_the_last_error_stands() -> None:
    door = Door(iter([BANNER] * 100))
    with pytest.raises(paramiko.SSHException, match="banner"):
        door.patiently(60)
    assert 40 < door.now_s <= 60
    assert max(door.pauses) <= 12


ANSWERS = (
    paramiko.AuthenticationException("Authentication failed."),
    paramiko.BadHostKeyException("x", paramiko.RSAKey.generate(1024), paramiko.RSAKey.generate(1024)),
    NoValidConnectionsError({("10.0.0.11", 22): ConnectionRefusedError()}),
    ConnectionRefusedError(),
    TimeoutError(),
    socket.gaierror(),
    paramiko.ChannelException(2, "Connect failed"),
    UnreachableError("the host key is not known"),
)


@pytest.mark.parametrize("error", ANSWERS, ids=lambda error: type(error).__name__)
def test_an_answer_is_not_asked_for_again(error: Exception) -> None:
    door = Door(iter([error]))
    with pytest.raises(type(error)):
        door.patiently(60)
    assert door.pauses == []
    assert not hung_up(error)


def test_paramiko_s_own_tracebacks_stay_off_the_terminal() -> None:
    """Logging writes warnings that nobody handles to the standard error."""
    logger = logging.getLogger("paramiko.transport")
    handlers = [*logger.handlers, *logging.getLogger("paramiko").handlers]
    assert [type(handler) for handler in handlers] == [logging.NullHandler]


def test_at_last_it_is_said_what_it_could_be() -> None:
    error = explain(BANNER, way_of(Ssh()), Ssh())
    assert error.message.startswith("w1: 10.0.0.21:22: no login could start within 60 s")
    assert "MaxStartups" in error.hint
    assert "cluster.ssh.parallel" in error.hint


def test_a_jump_host_that_does_not_get_through_is_named() -> None:
    failed = paramiko.ChannelException(2, "Connect failed")
    ssh = Ssh(jump_host="admin@192.0.2.1")
    error = explain(failed, way_of(ssh), ssh)
    assert "the jump host 192.0.2.1 cannot connect to it: Connect failed" in error.message


def test_a_machine_behind_a_jump_host_that_does_not_answer_is_given_up_as_soon_as_any_other() -> None:
    error = paramiko.SSHException("Timeout opening channel.")
    assert not hung_up(error)
    assert "w1: 10.0.0.21:22: no answer within 15 s" in explain(error, way_of(Ssh()), Ssh()).message


@pytest.mark.parametrize(("keepalive_s", "gone_s"), [(15, 30), (5, 30), (60, 120)])
def test_a_dead_machine_is_noticed_soon(keepalive_s: int, gone_s: int) -> None:
    ssh = Ssh(keepalive_s=keepalive_s)
    with socket.socket() as sock:
        transport = _transport(ssh, Known(), sock)
        assert transport.handshake_timeout == 4 * ssh.connect_timeout_s
        assert dead_after_s(ssh) == gone_s
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == gone_s * 1000


def ended(code: int, stdout: bytes = b"", stderr: bytes = b"") -> str:
    """What is said of a batch of which nothing was run."""
    batch = Batch("separator", 1, no_listener, no_listener)
    batch.code = code
    batch._stdout.feed(stdout)
    batch._stderr.feed(stderr)
    with pytest.raises(UnreachableError) as error:
        SshTransport(host("w1", "10.0.0.21"), Ssh())._check((), [Command(("true",))], batch, stop=True)
    return f"{error.value.message}\n{error.value.details}\n{error.value.hint}"


def test_a_login_shell_that_runs_nothing() -> None:
    said = ended(1, b"This account is currently not available.\n")
    assert said.startswith("w1: the login shell of admin does not run commands\nThis account is currently not")
    assert "ansible_user" in said
    assert "it ended with code 1 and printed nothing" in ended(1)


def test_a_shell_that_was_killed_or_complains_is_another_matter() -> None:
    assert "login shell" not in ended(-1)
    assert "sudo: command not found" in ended(127, stderr=b"sudo: command not found\n")
