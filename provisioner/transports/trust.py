"""Host keys confirmed once: what key a machine shows, and writing it down."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko

from provisioner.inventory.model import Host, Ssh
from provisioner.transports.connect import connect, explain, fingerprint, jump_host, known_hosts_path


@dataclass(frozen=True, slots=True)
class Offer:
    """The key that a machine shows, and whether it is known already."""

    name: str
    key: paramiko.PKey
    path: Path
    known: bool

    @property
    def algorithm(self) -> str:
        """Such as `ssh-ed25519`."""
        return self.key.get_name()

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as OpenSSH prints it."""
        return fingerprint(self.key)

    def confirm(self) -> None:
        """Append it to the known hosts."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{self.name} {self.key.get_name()} {self.key.get_base64()}\n")


def offers(hosts: Sequence[Host], ssh: Ssh) -> Iterator[tuple[str, Offer]]:
    """The key that each machine shows, one after the other: the jump host first, since the others are behind it."""
    if ssh.jump_host and hosts:
        jump = jump_host(hosts[0], ssh)
        yield jump.name, offered_key(jump, ssh.model_copy(update={"jump_host": None}))
    for host in hosts:
        yield host.name, offered_key(host, ssh)


def offered_key(host: Host, ssh: Ssh) -> Offer:
    """Ask a machine for its key, without logging in; UnreachableError when it does not answer or its key changed."""
    try:
        with _way(host, ssh) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.start_client(timeout=ssh.connect_timeout_s)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, paramiko.SSHException, EOFError) as error:
        raise explain(error, host, ssh) from error
    name = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
    return Offer(name, key, known_hosts_path(ssh), _is_known(name, key, host, ssh))


@contextmanager
def _way(host: Host, ssh: Ssh) -> Iterator[socket.socket | paramiko.Channel]:
    """A connection to the machine's SSH port: direct, or through the jump host."""
    if not ssh.jump_host:
        with socket.create_connection((host.address, host.port), ssh.connect_timeout_s) as connection:
            yield connection
        return
    gateway = connect(jump_host(host, ssh), ssh.model_copy(update={"jump_host": None}))
    try:
        yield gateway.transport.open_channel("direct-tcpip", (host.address, host.port), ("127.0.0.1", 0))
    finally:
        gateway.close()


def _is_known(name: str, key: paramiko.PKey, host: Host, ssh: Ssh) -> bool:
    path = known_hosts_path(ssh)
    entries = paramiko.HostKeys(str(path)).lookup(name) if path.exists() else None
    if entries is None or key.get_name() not in entries:
        return False
    if entries[key.get_name()] != key:
        raise explain(paramiko.BadHostKeyException(name, key, entries[key.get_name()]), host, ssh)
    return True
