"""SSH by Fabric, whose pitfalls are handled here: Fabric accepts every host key, reads our stdin, changes the arguments
it is given, and opens connections lazily from whatever thread comes first.
"""

from __future__ import annotations

import secrets
import shlex
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import fabric
import paramiko

from provisioner.bundle.common.serve import Server
from provisioner.core.command import STILL_BUSY, Command, Result, script
from provisioner.core.untrusted import shown, visible
from provisioner.errors import StepError, UnreachableError
from provisioner.failures import hint
from provisioner.inventory.model import Host
from provisioner.inventory.ssh import Ssh
from provisioner.transports.batch import Batch
from provisioner.transports.channels import send, send_tar
from provisioner.transports.connect import close, connect
from provisioner.transports.explaining import PATIENCE
from provisioner.transports.protocol import Began, Heard, no_listener

# How long beyond the commands' own time limits an answer may take to arrive.
_GRACE_S = 120
# How long sshd may refuse another session (MaxSessions): the previous one may not be cleaned up yet.
_REFUSED_S = 30
_REFUSED_PAUSE_S = 0.5


class SshTransport:
    """One host over one SSH connection. It can be pickled: the copy connects again."""

    def __init__(self, host: Host, ssh: Ssh) -> None:
        """Nothing is opened yet."""
        self.host = host
        self._ssh = ssh
        self._connection: fabric.Connection | None = None
        # A run and the renewals of its run lock use the transport at the same time.
        self._opening = threading.Lock()
        self._round_trips = 0
        self._seconds = 0.0

    def __reduce__(self) -> tuple[type[SshTransport], tuple[Host, Ssh]]:
        """Pickle how to connect, not the connection."""
        return SshTransport, (self.host, self._ssh)

    @property
    def round_trips(self) -> int:
        """How many batches have been sent."""
        return self._round_trips

    @property
    def seconds(self) -> float:
        """How long connecting to this host and running commands on it has taken, in all."""
        return self._seconds

    def open(self) -> None:
        """Connect with strict host keys; UnreachableError says what went wrong and what to do."""
        with self._opening:
            if self._connection is None:
                with self._timed():
                    self._connection = connect(self.host, self._ssh)

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            close(connection)

    def run(
        self,
        commands: Sequence[Command],
        *,
        stop: bool = True,
        alone: bool = False,
        began: Began = no_listener,
        heard: Heard = no_listener,
    ) -> tuple[Result, ...]:
        """Run a batch as root in one round trip."""
        if not commands:
            return ()
        separator = secrets.token_hex(16)
        deadline_s = sum(command.timeout_s for command in commands) + _GRACE_S
        batch = Batch(separator, len(commands), began, heard)
        channel = self._channel("/bin/sh -s")
        with channel, self._timed():
            channel.settimeout(deadline_s)
            try:
                send(channel, script(commands, separator, stop=stop, alone=alone).encode())
                batch.read(channel, deadline_s)
            except OSError as error:
                raise self._lost(str(error) or type(error).__name__) from error
        self._round_trips += 1
        results = batch.results()
        self._check(results, commands, batch, stop)
        return results

    def send_tree(self, root: Path, names: Sequence[str], directory: str) -> None:
        """Put files into a directory of the host through one tar stream; when that breaks, the connection is lost."""
        script = 'umask 022; mkdir -p -- "$1" && tar -x -C "$1"'
        channel = self._channel(shlex.join(["/bin/sh", "-c", script, "sh", directory]))
        with channel:
            try:
                code, said = send_tar(channel, root, names)
            except OSError as error:
                raise self._lost(f"while sending files: {error}") from error
        self._round_trips += 1
        if code:
            message = f"{self.host.name}: could not store files in {directory}"
            raise StepError(message, details=said.strip(), hint=hint(said))

    @contextmanager
    def serve(self, root: Path) -> Iterator[int | None]:
        """Serve `root` on a free port of the host's loopback, as long as the block lasts."""
        transport = self._transport()
        bundle = Server(root)

        def answer(channel: paramiko.Channel, origin: object, server: object) -> None:
            bundle.accept(channel)

        port: int | None = None
        with suppress(paramiko.SSHException), self._answered():
            port = transport.request_port_forward("127.0.0.1", 0, answer)
        if port is None and not transport.is_active():
            raise self._lost("a request was not answered")
        try:
            yield port
        finally:
            if port is not None and transport.is_active():
                with self._answered():
                    transport.cancel_port_forward("127.0.0.1", port)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Paramiko waits forever for the answer to a request: the connection to a host that gives none is closed."""
        cut = threading.Timer(PATIENCE * self._ssh.connect_timeout_s, self.close)
        cut.start()
        try:
            yield
        finally:
            cut.cancel()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._seconds += time.monotonic() - began_s

    def _transport(self) -> paramiko.Transport:
        self.open()
        connection = self._connection
        if connection is None:
            raise self._lost("it was closed")
        transport = connection.client.get_transport()
        if transport is None or not transport.is_active():
            raise self._lost("the connection is closed")
        return cast(paramiko.Transport, transport)

    def _channel(self, program: str) -> paramiko.Channel:
        try:
            channel = self._session()
            # No terminal: nothing may ever prompt. `sudo -n` fails instead of asking.
            with self._answered():
                channel.exec_command(f"sudo -n -- {program}" if self.host.become else program)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost(str(error) or type(error).__name__) from error
        return channel

    def _session(self) -> paramiko.Channel:
        """A session; when sshd allows no more of them at the moment, the connection is not lost: it is asked again."""
        until_s = time.monotonic() + _REFUSED_S
        while True:
            try:
                return self._transport().open_session(timeout=self._ssh.connect_timeout_s)
            except paramiko.ChannelException as error:
                if time.monotonic() > until_s:
                    raise self._refused(error) from error
            time.sleep(_REFUSED_PAUSE_S)

    def _refused(self, error: paramiko.ChannelException) -> UnreachableError:
        return UnreachableError(
            f"{self.host.name}: its sshd has opened no session for {_REFUSED_S} s: {shown(error.text)}",
            hint="Raise MaxSessions in its /etc/ssh/sshd_config and reload sshd (`sshd -T | grep -i maxsessions` shows "
            "it there). One is enough.",
        )

    def _lost(self, why: str) -> UnreachableError:
        self.close()
        return UnreachableError(
            f"{self.host.name}: the connection to {self.host.address} was lost: {visible(why)}",
            hint="Nothing needs to be undone: run the same command again when the host answers.",
        )

    def _check(self, results: tuple[Result, ...], commands: Sequence[Command], batch: Batch, stop: bool) -> None:
        """A batch that is cut off without a failing command was not run to its end."""
        done = len(results) == len(commands)
        failed = bool(results) and results[-1].exit_code not in commands[len(results) - 1].accepts
        if done or (stop and failed):
            return
        if "password is required" in batch.stderr or "no new privileges" in batch.stderr:
            raise UnreachableError(
                f"{self.host.name}: sudo asks for a password", details=batch.stderr.strip(),
                hint="Give the login user passwordless sudo (NOPASSWD in /etc/sudoers.d), or log in as root.",
            )  # fmt: skip
        if batch.code == STILL_BUSY:
            raise StepError(
                f"{self.host.name}: a command of an earlier run is still running there",
                hint="Look at the host's processes (`ps`), and run the same command again when that one has ended.",
            )
        if not batch.begun and not batch.stderr.strip() and batch.code > 0:
            raise UnreachableError(
                f"{self.host.name}: the login shell of {self.host.user or 'that user'} does not run commands",
                details=batch.stdout.strip()[-500:] or f"it ended with code {batch.code} and printed nothing",
                hint="Log in as a user with a real shell, not nologin or false: ansible_user, or `chsh` there.",
            )
        raise UnreachableError(
            f"{self.host.name}: the host did not run our commands to their end",
            details=batch.stderr.strip()[-500:] or f"the shell ended with code {batch.code}",
            hint="Is sudo installed, and may the login user use it? Did the host restart?",
        )
