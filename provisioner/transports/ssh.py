"""SSH by Fabric, with its sharp edges walled off here: Fabric accepts every host key, reads our stdin, changes the
arguments it is given, and opens connections lazily from whatever thread comes first.
"""

from __future__ import annotations

import secrets
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import fabric
import paramiko

from provisioner.bundle.serve import serve_connection
from provisioner.causes import hint
from provisioner.core.command import STILL_BUSY, Command, Result, script
from provisioner.errors import StepError, UnreachableError
from provisioner.inventory.model import Host
from provisioner.inventory.ssh import Ssh
from provisioner.transports.batch import Batch
from provisioner.transports.connect import close, connect
from provisioner.transports.protocol import Began, Heard, nobody

_CHUNK_BYTES = 256 * 1024
# How long beyond the commands' own time limits an answer may take to arrive.
_GRACE_S = 120


class SshTransport:
    """One host over one SSH connection. It can be pickled: the copy connects anew."""

    def __init__(self, host: Host, ssh: Ssh) -> None:
        """Nothing is opened yet."""
        self.host = host
        self._ssh = ssh
        self._connection: fabric.Connection | None = None
        # A run and its signs of life speak to a leader side by side.
        self._opening = threading.Lock()
        self._round_trips = 0
        self._seconds = 0.0

    def __reduce__(self) -> tuple[type[SshTransport], tuple[Host, Ssh]]:
        """Pickle the wish to connect, not the connection."""
        return SshTransport, (self.host, self._ssh)

    @property
    def round_trips(self) -> int:
        """How many batches have been sent."""
        return self._round_trips

    @property
    def seconds(self) -> float:
        """How long this host has been connected to and spoken to, in all."""
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
        began: Began = nobody,
        heard: Heard = nobody,
    ) -> tuple[Result, ...]:
        """Run a batch as root in one round trip."""
        if not commands:
            return ()
        separator = secrets.token_hex(16)
        deadline_s = sum(command.timeout_s for command in commands) + _GRACE_S
        batch = Batch(separator, began, heard)
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
        """Put files into a directory of the host through one tar stream."""
        channel = self._channel(f"/bin/sh -c 'umask 022; mkdir -p {directory} && tar -x -C {directory}'")
        with channel:
            try:
                with tarfile.open(
                    fileobj=cast(IO[bytes], _Writer(channel)), mode="w|", bufsize=_CHUNK_BYTES
                ) as archive:
                    for name in names:
                        archive.add(root / name, arcname=name, filter=_as_root)
                channel.shutdown_write()
                code = channel.recv_exit_status()
            except OSError as error:
                raise self._lost(f"while sending files: {error}") from error
            said = channel.makefile_stderr("rb").read().decode(errors="replace")
        self._round_trips += 1
        if code:
            message = f"{self.host.name}: could not store files in {directory}"
            raise StepError(message, details=said.strip(), hint=hint(said))

    @contextmanager
    def serve(self, root: Path) -> Iterator[int | None]:
        """Serve `root` on a free port of the host's loopback, as long as the block lasts."""
        transport = self._transport()

        def answer(channel: paramiko.Channel, origin: object, server: object) -> None:
            threading.Thread(target=serve_connection, args=(channel, root), daemon=True).start()

        try:
            port = transport.request_port_forward("127.0.0.1", 0, answer)
        except paramiko.SSHException:
            yield None
            return
        try:
            yield port
        finally:
            if transport.is_active():
                transport.cancel_port_forward("127.0.0.1", port)

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
            raise self._lost("it was cut")
        transport = connection.client.get_transport()
        if transport is None or not transport.is_active():
            raise self._lost("the connection is gone")
        return cast(paramiko.Transport, transport)

    def _channel(self, program: str) -> paramiko.Channel:
        try:
            channel = self._transport().open_session(timeout=self._ssh.connect_timeout_s)
            # No terminal: nothing may ever prompt. `sudo -n` fails instead of asking.
            channel.exec_command(f"sudo -n -- {program}" if self.host.become else program)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost(str(error) or type(error).__name__) from error
        return channel

    def _lost(self, why: str) -> UnreachableError:
        self.close()
        return UnreachableError(
            f"{self.host.name}: the connection to {self.host.address} was lost: {why}",
            hint="Nothing needs to be undone: run the same command again when the machine answers.",
        )

    def _check(self, results: tuple[Result, ...], commands: Sequence[Command], batch: Batch, stop: bool) -> None:
        """A batch that is cut off without a failing command means that nobody ran it to its end."""
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
                f"{self.host.name}: a command of an earlier run is still at work there",
                hint="Look at the machine (`ps`), and run the same command again when it has come to its end.",
            )
        if not batch.begun and not batch.stderr.strip() and batch.code > 0:
            raise UnreachableError(
                f"{self.host.name}: the login shell of {self.host.user or 'that user'} does not run commands",
                details=batch.stdout.strip()[-500:] or f"it ended with code {batch.code} and said nothing",
                hint="Log in as a user with a real shell, not nologin or false: ansible_user, or `chsh` there.",
            )
        raise UnreachableError(
            f"{self.host.name}: the machine did not run our commands to their end",
            details=batch.stderr.strip()[-500:] or f"the shell ended with code {batch.code}",
            hint="Is sudo installed, and may the login user use it? Did the machine restart?",
        )


def send(channel: paramiko.Channel, text: bytes) -> None:
    """Give a program its whole input. Who ends without reading it (a sudo that refuses) is no error: it says why."""
    try:
        channel.sendall(text)
        channel.shutdown_write()
    except OSError:
        if not channel.eof_received:
            raise


class _Writer:
    """A channel as a file to write to."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def write(self, data: Any) -> int:
        """Send all of it."""
        self._channel.sendall(data)
        return len(data)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
