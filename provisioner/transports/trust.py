"""Host keys confirmed once: which key a host shows, and saving it."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko

from provisioner.errors import UsageError
from provisioner.inventory.model import Host
from provisioner.inventory.ssh import Ssh
from provisioner.transports.connect import ERRORS, close, proxied, reach
from provisioner.transports.explaining import explain
from provisioner.transports.host_keys import found_for, is_known, prefer_known, told
from provisioner.transports.known_hosts import append
from provisioner.transports.user_config import way_to
from provisioner.transports.way import Way


@dataclass(frozen=True, slots=True)
class Offer:
    """The key that a host shows, and whether it is known already."""

    name: str
    key: paramiko.PKey
    path: Path
    known: bool

    @property
    def shown(self) -> str:
        """Type and fingerprint, as OpenSSH prints them: `ssh-ed25519 SHA256:...`."""
        return told(self.key)

    def confirm(self) -> None:
        """Append it to the known hosts; UsageError when they cannot be written."""
        try:
            append(self.path, self.name, self.key)
        except OSError as error:
            message = f"{self.path} cannot be written: {error.strerror}"
            raise UsageError(message, hint=f"Look at it: `ls -ld {shlex.quote(str(self.path))}`.") from error


def offers(hosts: Sequence[Host], ssh: Ssh) -> Iterator[tuple[str, Offer]]:
    """The key that each host shows, one after the other: jump hosts first, since the others are behind them."""
    asked: set[str] = set()
    for host in hosts:
        for stop in way_to(host, ssh).stops:
            if stop.key_name not in asked:
                asked.add(stop.key_name)
                yield stop.name, offered_key(stop, ssh)


def offered_key(way: Way, ssh: Ssh) -> Offer:
    """Ask a host for its key, without logging in; UnreachableError when it does not answer or its key changed.

    Types that are known are asked for first: a host that shows none of them has changed, and is not new.
    """
    found = found_for(way)
    try:
        with _line(way, ssh) as connection, paramiko.Transport(connection) as transport:
            prefer_known(transport, found)
            transport.start_client(timeout=ssh.connect_timeout_s)
            key = transport.get_remote_server_key()
    except ERRORS as error:
        raise explain(error, way, ssh) from error
    return Offer(way.key_name, key, way.known_hosts[0], is_known(way, key, found))


@contextmanager
def _line(way: Way, ssh: Ssh) -> Iterator[socket.socket | paramiko.Channel]:
    """A connection to the host's SSH port, as its way says."""
    if way.proxy_command:
        with proxied(way.proxy_command) as connection:
            yield connection
    elif not way.through:
        with socket.create_connection((way.address, way.port), ssh.connect_timeout_s) as connection:
            yield connection
    else:
        gateway = reach(way.through, ssh)
        try:
            yield gateway.transport.open_channel("direct-tcpip", (way.address, way.port), ("127.0.0.1", 0))
        finally:
            close(gateway)
