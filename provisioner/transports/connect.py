"""Opening an SSH connection with strict host keys, and saying clearly why it could not be opened."""

from __future__ import annotations

import base64
import hashlib
import logging
import socket
from functools import partial
from pathlib import Path
from typing import Any

import fabric
import paramiko
from paramiko.ssh_exception import NoValidConnectionsError

from provisioner.errors import UnreachableError
from provisioner.inventory.model import Host, Ssh
from provisioner.transports.patience import hung_up, patiently

# A line that takes its time (half a second each way), a machine under load, and a crowd at the door: that many times
# `connect_timeout_s`, in which a port has to answer at all.
PATIENCE = 4

# Its own thread would write tracebacks to the terminal of what is caught and explained here.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _Strict(paramiko.MissingHostKeyPolicy):
    """Refuse a key that nobody has confirmed."""

    def __init__(self, host: Host, known_hosts: Path) -> None:
        self._host = host
        self._known_hosts = known_hosts

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Always UnreachableError, with the fingerprint to compare."""
        raise UnreachableError(
            f"{self._host.name}: the host key of {hostname} is not known",
            details=f"It shows {key.get_name()} {fingerprint(key)}; {self._known_hosts} does not have it.",
            hint="Compare it with the machine's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there), "
            "then run `provisioner trust` to confirm it once.",
        )


def fingerprint(key: paramiko.PKey) -> str:
    """`SHA256:...`, as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def known_hosts_path(ssh: Ssh) -> Path:
    """The file with the host keys of this cluster."""
    return ssh.known_hosts or Path("~/.ssh/known_hosts").expanduser()


def connect(host: Host, ssh: Ssh) -> fabric.Connection:
    """An open connection, kept alive; UnreachableError says what is wrong, where, and what to do."""
    gateway = _gateway(host, ssh)
    try:
        return patiently(partial(_opened, host, ssh, gateway), PATIENCE * ssh.connect_timeout_s)
    except BaseException as error:
        if gateway:
            gateway.close()
        if isinstance(error, paramiko.SSHException | OSError | EOFError | ValueError):
            raise explain(error, host, ssh) from error
        raise


def _opened(host: Host, ssh: Ssh, gateway: fabric.Connection | None) -> fabric.Connection:
    connection = fabric.Connection(
        host.address,
        user=host.user,
        port=host.port,
        connect_timeout=ssh.connect_timeout_s,
        gateway=gateway,
        connect_kwargs={**_login(host, ssh), "transport_factory": partial(_transport, ssh)},
    )
    try:
        _check_keys(connection, host, ssh)
        connection.open()
        connection.transport.set_keepalive(ssh.keepalive_s)
    except BaseException:
        connection.close()
        raise
    return connection


def _transport(ssh: Ssh, sock: socket.socket | paramiko.Channel, **options: Any) -> paramiko.Transport:
    """A transport that gives a slow line time to agree on keys, and notices soon when the other side is gone.

    What is sent and not acknowledged (signs of life are) would otherwise be repeated for a quarter of an hour. A
    connection through a jump host has no socket of its own: the one to the jump host is watched.
    """
    if isinstance(sock, socket.socket) and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * dead_after_s(ssh))
    transport = paramiko.Transport(sock, **options)
    transport.handshake_timeout = PATIENCE * ssh.connect_timeout_s
    return transport


def dead_after_s(ssh: Ssh) -> int:
    """After how many seconds without an answer a machine counts as gone."""
    return max(30, 2 * ssh.keepalive_s)


def _login(host: Host, ssh: Ssh) -> dict[str, object]:
    """How to log in: the inventory's key alone when it names one, else the agent's and the user's own keys."""
    own: dict[str, object] = {
        "banner_timeout": PATIENCE * ssh.connect_timeout_s,
        "auth_timeout": PATIENCE * ssh.connect_timeout_s,
        # A jump host asks for a machine that is gone as long as its own TCP does, two minutes.
        "channel_timeout": ssh.connect_timeout_s,
    }
    if host.private_key_file:
        return {
            **own,
            "key_filename": [str(host.private_key_file)],
            "look_for_keys": False,
            "allow_agent": False,
        }
    return own


def _check_keys(connection: fabric.Connection, host: Host, ssh: Ssh) -> None:
    """Fabric would accept every key: load those we know and refuse the rest."""
    known = known_hosts_path(ssh)
    for path in (known, *(() if ssh.known_hosts else (Path("/etc/ssh/ssh_known_hosts"),))):
        if path.exists():
            connection.client.load_system_host_keys(str(path))
    connection.client.set_missing_host_key_policy(_Strict(host, known))


def _gateway(host: Host, ssh: Ssh) -> fabric.Connection | None:
    """The open connection to the jump host; its own errors name it."""
    return connect(jump_host(host, ssh), ssh.model_copy(update={"jump_host": None})) if ssh.jump_host else None


def jump_host(host: Host, ssh: Ssh) -> Host:
    """The machine to go through on the way to `host`, as a host: reached with the same key."""
    user, _, place = (ssh.jump_host or "").rpartition("@")
    address, _, port = place.partition(":")
    return host.model_copy(
        update={"name": "jump-host", "address": address, "port": int(port or 22), "user": user or host.user}
    )


def close(connection: fabric.Connection) -> None:
    """End a connection, and the one it goes through."""
    connection.close()
    if isinstance(connection.gateway, fabric.Connection):
        connection.gateway.close()


def explain(error: Exception, host: Host, ssh: Ssh) -> UnreachableError:
    """What went wrong with a connection, in words, with a way out."""
    where = f"{host.name}: {host.address}:{host.port}"
    login = f"as {host.user}" if host.user else "as you"
    if isinstance(error, paramiko.BadHostKeyException):
        return UnreachableError(
            f"{where}: its host key has CHANGED; someone may be in between, or the machine was reinstalled",
            details=f"known: {fingerprint(error.expected_key)}\nshown: {fingerprint(error.key)}",
            hint=f"If the machine was reinstalled: `ssh-keygen -R {host.address} -f {known_hosts_path(ssh)}`, "
            "then `provisioner trust`.",
        )
    if isinstance(error, paramiko.AuthenticationException):
        key = host.private_key_file or "your agent's and your own keys"
        return UnreachableError(
            f"{where}: the login {login} was refused",
            details=f"tried {key}",
            hint="Is the public key in that user's ~/.ssh/authorized_keys there? "
            "Are ansible_user and ansible_ssh_private_key_file right?",
        )
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"{where}: there is no address for that name", hint="Correct ansible_host, or the name service."
        )
    if isinstance(error, NoValidConnectionsError | ConnectionRefusedError):
        return UnreachableError(
            f"{where}: nothing answers at that port",
            hint="Is the machine up, and sshd running? Is ansible_port right?",
        )
    if isinstance(error, paramiko.ChannelException):
        return UnreachableError(
            f"{where}: the jump host {ssh.jump_host} does not get through to it: {error.text}",
            hint="Is the machine up, and reachable from there? Does the jump host's sshd allow forwarding "
            "(AllowTcpForwarding)?",
        )
    if hung_up(error):
        return UnreachableError(
            f"{where}: no login could begin within {PATIENCE * ssh.connect_timeout_s} s: it hangs up, or says nothing",
            details=str(error),
            hint="Is it starting? Or do too many log in at once? Then raise MaxStartups in its /etc/ssh/sshd_config, "
            "or lower cluster.ssh.parallel.",
        )
    if isinstance(error, TimeoutError) or "Timeout opening channel" in str(error):
        return UnreachableError(
            f"{where}: no answer within {ssh.connect_timeout_s} s",
            hint="Is the machine up and reachable from here (firewall, VPN)? "
            "A longer wait: cluster.ssh.connect_timeout_s.",
        )
    if "not a valid" in str(error) or isinstance(error, ValueError):
        return UnreachableError(
            f"{where}: the private key cannot be used: {error}",
            hint="Is it a private key, without a passphrase?",
        )
    return UnreachableError(
        f"{where}: {error or type(error).__name__}", hint="Try `ssh -v` to the same machine to see more."
    )


def ssh_argv(host: Host, ssh: Ssh) -> list[str]:
    """The `ssh` call that opens a shell on the host, as strict about host keys as we are."""
    options = [f"UserKnownHostsFile={known_hosts_path(ssh)}", "StrictHostKeyChecking=yes"]
    key = ["-i", str(host.private_key_file), "-o", "IdentitiesOnly=yes"] if host.private_key_file else []
    jump = ["-J", ssh.jump_host] if ssh.jump_host else []
    login = ["-l", host.user] if host.user else []
    flags = [word for option in options for word in ("-o", option)]
    return ["ssh", *flags, *key, *jump, *login, "-p", str(host.port), host.address]
