"""Errors that say clearly why a connection could not be opened."""

from __future__ import annotations

import socket

import paramiko
from paramiko.ssh_exception import NoValidConnectionsError

from provisioner.errors import UnreachableError
from provisioner.inventory.ssh import Ssh
from provisioner.transports.patience import hung_up
from provisioner.transports.way import Way

# For a slow line (half a second each way), a host under load and many logins at once: this many times
# `connect_timeout_s`, which is the limit for a port to answer at all.
PATIENCE = 4


def explain(error: Exception, way: Way, ssh: Ssh) -> UnreachableError:
    """The error for a connection: what went wrong, and what to do."""
    where = f"{way.name}: {way.address}:{way.port}"
    login = f"as {way.user}" if way.user else "as you"
    if isinstance(error, paramiko.AuthenticationException):
        keys = " and ".join(map(str, way.keys)) or "your own keys"
        return UnreachableError(
            f"{where}: the login {login} was refused",
            details=f"tried {keys}{' and those of your agent' if way.agent else ''}",
            hint="Is the public key in that user's ~/.ssh/authorized_keys there? "
            "Are ansible_user and ansible_ssh_private_key_file right?",
        )
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"{where}: that name cannot be resolved", hint="Correct ansible_host, or the name service (DNS)."
        )
    if isinstance(error, NoValidConnectionsError | ConnectionRefusedError):
        return UnreachableError(
            f"{where}: nothing answers at that port",
            hint="Is the host up, and is sshd running? Is ansible_port right?",
        )
    if isinstance(error, paramiko.ChannelException) and way.through:
        return UnreachableError(
            f"{where}: the {way.through.name} cannot connect to it: {error.text}",
            hint="Is the host up, and reachable from there? Does the jump host's sshd allow forwarding "
            "(AllowTcpForwarding)?",
        )
    if way.proxy_command and (hung_up(error) or isinstance(error, TimeoutError)):
        return UnreachableError(
            f"{where}: its ProxyCommand in ~/.ssh/config exits, or does not answer",
            details=str(error),
            hint=f"Try it by hand; it has to print a line that begins with SSH-2.0: `{way.proxy_command}`",
        )
    if hung_up(error):
        return UnreachableError(
            f"{where}: no login could start within {PATIENCE * ssh.connect_timeout_s} s: "
            "it closes the connection, or does not answer",
            details=str(error),
            hint="Is it still booting? Or are there too many logins at once? Then raise MaxStartups in its "
            "/etc/ssh/sshd_config, or lower cluster.ssh.parallel.",
        )
    if isinstance(error, TimeoutError) or "Timeout opening channel" in str(error):
        return UnreachableError(
            f"{where}: no answer within {ssh.connect_timeout_s} s",
            hint="Is the host up and reachable from here (firewall, VPN)? "
            "To wait longer, raise cluster.ssh.connect_timeout_s.",
        )
    if "not a valid" in str(error) or isinstance(error, ValueError):
        return UnreachableError(
            f"{where}: the private key cannot be used: {error}",
            hint="Is it a private key, without a passphrase?",
        )
    return UnreachableError(
        f"{where}: {error or type(error).__name__}", hint="Try `ssh -v` to the same host to see more."
    )
