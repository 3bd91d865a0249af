"""Opening an SSH connection with strict host keys, stop by stop."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import threading
from functools import partial
from typing import Any

import fabric
import paramiko

from provisioner.inventory.model import Host
from provisioner.inventory.ssh import Ssh
from provisioner.transports.explaining import PATIENCE, explain
from provisioner.transports.host_keys import Strict, found_for, prefer_known
from provisioner.transports.known_hosts import Known
from provisioner.transports.patience import patiently
from provisioner.transports.user_config import way_to
from provisioner.transports.way import Way

# Its own thread would write tracebacks to the terminal for errors that are caught and explained here.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
# What can go wrong with a connection, and is explained.
ERRORS = (paramiko.SSHException, OSError, EOFError, ValueError)


def connect(host: Host, ssh: Ssh) -> fabric.Connection:
    """An open connection, kept alive; UnreachableError says what is wrong, where, and what to do."""
    return reach(way_to(host, ssh), ssh)


def reach(way: Way, ssh: Ssh) -> fabric.Connection:
    """An open connection to the end of a way, and to each stop before it; errors name the stop that failed."""
    gateway = reach(way.through, ssh) if way.through else None
    try:
        return patiently(partial(_opened, way, ssh, gateway), PATIENCE * ssh.connect_timeout_s)
    except BaseException as error:
        if gateway:
            close(gateway)
        if isinstance(error, ERRORS):
            raise explain(error, way, ssh) from error
        raise


def close(connection: fabric.Connection) -> None:
    """End a connection, and those it goes through."""
    connection.close()
    if isinstance(connection.gateway, fabric.Connection):
        close(connection.gateway)


def proxied(command: str) -> socket.socket:
    """A connection through a ProxyCommand. The command ends when the connection is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        # The user's own line in the user's own shell, as ssh runs it.
        argv = [os.environ.get("SHELL", "/bin/sh"), "-c", f"exec {command}"]
        end = theirs.fileno()
        process = subprocess.Popen(argv, stdin=end, stdout=end, stderr=subprocess.DEVNULL)
    threading.Thread(target=process.wait, daemon=True).start()
    return ours


def _opened(way: Way, ssh: Ssh, gateway: fabric.Connection | None) -> fabric.Connection:
    found = found_for(way)
    connection = fabric.Connection(
        way.address,
        user=way.user,
        port=way.port,
        # What Fabric would read by itself (~/.ssh/config, ~/.fabric.yml) is not checked.
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        connect_timeout=ssh.connect_timeout_s,
        gateway=gateway,
        connect_kwargs={**_login(way, ssh), "transport_factory": partial(_transport, ssh, found)},
    )
    # Fabric would accept every key.
    connection.client.set_missing_host_key_policy(Strict(way, found))
    try:
        if way.proxy_command:
            connection.connect_kwargs["sock"] = proxied(way.proxy_command)
        connection.open()
        connection.transport.set_keepalive(ssh.keepalive_s)
    except BaseException:
        connection.close()
        raise
    return connection


def _transport(ssh: Ssh, found: Known, sock: socket.socket | paramiko.Channel, **options: Any) -> paramiko.Transport:
    """A transport that gives a slow line time for the key exchange, and notices soon when the other side is gone.

    Data without an acknowledgement (keepalives are data, too) would otherwise be sent again for a quarter of an hour. A
    connection through a jump host has no socket of its own: the one to the jump host is watched.
    """
    if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * dead_after_s(ssh))
    transport = paramiko.Transport(sock, **options)
    transport.handshake_timeout = PATIENCE * ssh.connect_timeout_s
    prefer_known(transport, found)
    return transport


def dead_after_s(ssh: Ssh) -> int:
    """After how many seconds without an answer a host counts as gone."""
    return max(30, 2 * ssh.keepalive_s)


def _login(way: Way, ssh: Ssh) -> dict[str, object]:
    """How to log in: with the keys of the way, or else the user's own, and with the agent's if it may be asked.

    The agent is asked only when the inventory names no key: only OpenSSH can select those of its keys that fit the way.
    """
    return {
        "banner_timeout": PATIENCE * ssh.connect_timeout_s,
        "auth_timeout": PATIENCE * ssh.connect_timeout_s,
        # A jump host tries to reach a dead host for as long as its own TCP does, two minutes.
        "channel_timeout": ssh.connect_timeout_s,
        "key_filename": [str(key) for key in way.keys],
        "look_for_keys": not way.keys,
        "allow_agent": way.agent,
    }
