"""How the suite reaches the machines: OpenSSH with a configuration written for this one verification.

Host keys are checked strictly, nothing is asked, and the connections of one verification are shared and closed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlencode

from provisioner.inventory.model import Cluster, Host, Ssh

_CLOSE_TIMEOUT_S = 10


def ssh_config(cluster: Cluster, directory: Path) -> str:
    """The text of an ssh_config for all hosts of the cluster; control sockets are put in `directory`."""
    ssh = cluster.settings.ssh
    jump = [f"  ProxyJump {ssh.jump_host}"] if ssh.jump_host else []
    # Numbered, not named: a path of more than about 90 letters is too long for a socket (macOS: 104 in all).
    sockets = ([f"  ControlPath {_quoted(directory / str(number))}"] for number in range(len(cluster.hosts)))
    blocks = [[*_host(host), *socket, *jump] for host, socket in zip(cluster.hosts, sockets, strict=True)]
    return "\n".join("\n".join([*block, ""]) for block in [*blocks, _every_host(ssh)])


def _host(host: Host) -> list[str]:
    user = [f"  User {host.user}"] if host.user else []
    key = host.private_key_file
    identity = [f"  IdentityFile {_quoted(key)}", "  IdentitiesOnly yes"] if key else []
    return [f"Host {host.name}", f"  HostName {host.address}", f"  Port {host.port}", *user, *identity]


def _every_host(ssh: Ssh) -> list[str]:
    """What holds for the jump host too, which is not in the inventory."""
    known_hosts = [f"  UserKnownHostsFile {_quoted(ssh.known_hosts)}"] if ssh.known_hosts else []
    return [
        "Host *",
        "  BatchMode yes",
        "  StrictHostKeyChecking yes",
        *known_hosts,
        f"  ConnectTimeout {ssh.connect_timeout_s}",
        f"  ServerAliveInterval {ssh.keepalive_s}",
        "  ServerAliveCountMax 3",
        "  LogLevel ERROR",
    ]


def _quoted(path: Path) -> str:
    # ssh_config(5): `%` begins a token, quotes hold spaces together.
    return f'"{str(path).replace("%", "%%")}"'


def host_spec(host: Host, config: Path, connect_timeout_s: int) -> str:
    """What testinfra calls this host: its ssh back end, our configuration, sudo where the inventory wants it."""
    options = {"ssh_config": str(config), "sudo": str(host.become).lower(), "timeout": str(connect_timeout_s)}
    return f"ssh://{host.name}?{urlencode(options)}"


def close(cluster: Cluster, config: Path) -> None:
    """End the shared connections; a host that has none is passed over."""
    for number, host in enumerate(cluster.hosts):
        if (config.parent / str(number)).exists():
            command = ["ssh", "-F", str(config), "-O", "exit", host.name]
            subprocess.run(command, capture_output=True, timeout=_CLOSE_TIMEOUT_S, check=False)


def why_unreachable(said: str) -> tuple[str, str]:
    """In words why a host did not answer, and what to do about it, from what ssh or sudo said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    hints = (hint for part, hint in _HINTS if part in said.lower())
    return (lines[-1] if lines else "no word from ssh").removeprefix("ssh: "), next(hints, _TRY_BY_HAND)


_TRY_BY_HAND = "`provisioner ssh` tries it by hand"
_HINTS = (
    (
        "identification has changed",
        "the machine shows another key than the known_hosts file has: find out why first",
    ),
    ("host key verification failed", "the machine's key is not in the known_hosts file of the inventory"),
    ("permission denied", "check ansible_user and ansible_ssh_private_key_file of this host"),
    ("sudo:", "verification needs sudo without a password: a NOPASSWD line in /etc/sudoers.d"),
    ("could not resolve", "check ansible_host of this host"),
    ("timed out", "is the machine running, and does a firewall let us through?"),
    ("refused", "is sshd running there, and is ansible_port right?"),
)
