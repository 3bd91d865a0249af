"""Host keys confirmed once: what key a machine shows, and writing it down."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import paramiko

from provisioner.inventory.model import Host, Ssh
from provisioner.transports.connect import explain, fingerprint, known_hosts_path


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


def offered_key(host: Host, ssh: Ssh) -> Offer:
    """Ask a machine for its key, without logging in; UnreachableError when it does not answer or its key changed."""
    try:
        with socket.create_connection((host.address, host.port), ssh.connect_timeout_s) as connection:
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


def _is_known(name: str, key: paramiko.PKey, host: Host, ssh: Ssh) -> bool:
    path = known_hosts_path(ssh)
    entries = paramiko.HostKeys(str(path)).lookup(name) if path.exists() else None
    if entries is None or key.get_name() not in entries:
        return False
    if entries[key.get_name()] != key:
        raise explain(paramiko.BadHostKeyException(name, key, entries[key.get_name()]), host, ssh)
    return True
