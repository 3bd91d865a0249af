"""How the suite reaches the hosts: OpenSSH with a configuration written for this one verification.

Host keys are checked strictly, ssh never prompts, and the connections of one verification are shared and closed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlencode

from provisioner.inventory.model import Cluster, Host
from provisioner.transports.openssh import Options, options, quoted
from provisioner.transports.user_config import way_to
from provisioner.transports.way import Way

_CLOSE_TIMEOUT_S = 10


def ssh_config(cluster: Cluster, directory: Path) -> str:
    """The text of an ssh_config for all hosts of the cluster; control sockets are put in `directory`."""
    ssh = cluster.settings.ssh
    every = (
        ("BatchMode", "yes"),
        ("ConnectTimeout", str(ssh.connect_timeout_s)),
        ("ServerAliveInterval", str(ssh.keepalive_s)),
        ("ServerAliveCountMax", "3"),
        ("LogLevel", "ERROR"),
    )
    # Numbered, not named: a path of more than about 90 characters is too long for a socket (macOS: 104 in all).
    sockets = (("ControlPath", quoted(directory / str(number))) for number in range(len(cluster.hosts)))
    blocks = (
        _block(host.name, (_address(way), *options(way, every), socket))
        for host, socket in zip(cluster.hosts, sockets, strict=True)
        for way in (way_to(host, ssh),)
    )
    return "\n".join([*blocks, _block("*", every)])


def _block(name: str, given: Options) -> str:
    return "\n".join([f"Host {name}", *(f"  {key} {value}" for key, value in given), ""])


def _address(way: Way) -> tuple[str, str]:
    return "HostName", way.address.replace("%", "%%")


def host_spec(host: Host, config: Path, connect_timeout_s: int) -> str:
    """testinfra's name for this host: its ssh back end, our configuration, sudo where the inventory wants it."""
    options = {"ssh_config": str(config), "sudo": str(host.become).lower(), "timeout": str(connect_timeout_s)}
    return f"ssh://{host.name}?{urlencode(options)}"


def close(cluster: Cluster, config: Path) -> None:
    """End the shared connections; a host that has none is skipped."""
    for number, host in enumerate(cluster.hosts):
        if (config.parent / str(number)).exists():
            command = ["ssh", "-F", str(config), "-O", "exit", host.name]
            subprocess.run(command, capture_output=True, timeout=_CLOSE_TIMEOUT_S, check=False)


def why_unreachable(said: str) -> tuple[str, str]:
    """Why a host did not answer and what to do about it, from the output of ssh or sudo."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    hints = (hint for part, hint in _HINTS if part in said.lower())
    return (lines[-1] if lines else "ssh printed nothing").removeprefix("ssh: "), next(hints, _TRY_BY_HAND)


_TRY_BY_HAND = "try it by hand with `provisioner ssh`"
_HINTS = (
    (
        "identification has changed",
        "the host shows another key than the known_hosts file has: find out why first",
    ),
    ("revoked host key", "the host shows a key that a known_hosts file marks as @revoked: find out why first"),
    ("host key verification failed", "the host's key is not in the known_hosts file of the inventory"),
    ("permission denied", "check ansible_user and ansible_ssh_private_key_file of this host"),
    ("sudo:", "verification needs sudo without a password: add a NOPASSWD line in /etc/sudoers.d"),
    ("could not resolve", "check ansible_host of this host"),
    ("timed out", "is the host running, and does a firewall block the connection?"),
    ("refused", "is sshd running there, and is ansible_port right?"),
)
