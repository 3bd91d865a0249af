"""The way to a host: each stop with its address, login, keys and files of known host keys.

One value for everything that connects: paramiko for plan and apply, OpenSSH for `verify` and `provisioner ssh`, and
`trust`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.errors import UnreachableError
from provisioner.inventory.model import Host
from provisioner.inventory.ssh import SSH_PORT, Ssh
from provisioner.transports.known_hosts import name_of

SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
# More jump hosts than any real way has; a loop has more.
_MOST_STOPS = 8
_CIRCLE = "Correct ProxyJump in ~/.ssh/config, or do without that file: cluster.ssh.user_config: false."
_STOP = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?:\[(?P<v6>[^]]+)\]|(?P<name>[^:]+))(?::(?P<port>\d+))?/?")


@dataclass(frozen=True, slots=True)
class Stop:
    """A host as it is named: None for what SSH has to choose."""

    name: str
    user: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What SSH uses for a host. Without a user: the local user. Without keys: the user's own, as SSH finds them."""

    address: str
    port: int = SSH_PORT
    user: str | None = None
    keys: tuple[Path, ...] = ()
    keys_only: bool = False
    known_hosts: tuple[Path, ...] = ()
    jumps: tuple[Stop, ...] = ()
    proxy_command: str = ""


# How the settings for a host are found: in the user's configuration, or as they are without one.
Ask = Callable[[Stop], Settings]


@dataclass(frozen=True, slots=True)
class Way:
    """How one host is reached: directly, through another one, or by a ProxyCommand.

    `proxy_command` is a line for the user's shell with nothing left to fill in. `known_hosts` are all files that count;
    new keys are written to the first. `keys_only` is OpenSSH's IdentitiesOnly: of the agent, only these keys.
    """

    name: str
    address: str
    port: int
    user: str | None
    keys: tuple[Path, ...]
    keys_only: bool
    agent: bool
    known_hosts: tuple[Path, ...]
    proxy_command: str = ""
    through: Way | None = None

    @property
    def key_name(self) -> str:
        """The name of its host key in files of known hosts."""
        return name_of(self.address, self.port)

    @property
    def stops(self) -> tuple[Way, ...]:
        """All hosts on the way in the order in which they are reached, this one last."""
        return (*(self.through.stops if self.through else ()), self)


def way(host: Host, ssh: Ssh, ask: Ask) -> Way:
    """The way to a host. What the inventory says wins; UnreachableError when the jump hosts form a loop."""
    key = (host.private_key_file,) if host.private_key_file else ()

    def to(stop: Stop, jumps: tuple[Stop, ...], left: int) -> Way:
        if not left:
            raise UnreachableError(f"{host.name}: its jump hosts form a loop", hint=_CIRCLE)
        said = ask(stop)
        # As with ssh: the first of several is reached as its own settings say, the others through the previous one.
        jumps = jumps or said.jumps
        through = to(jumps[-1], jumps[:-1], left - 1) if jumps else None
        known_hosts = (ssh.known_hosts,) if ssh.known_hosts else said.known_hosts
        command = "" if through else said.proxy_command
        keys = (*key, *said.keys)
        name = f"jump host {stop.name}"
        return Way(name, said.address, said.port, said.user, keys, said.keys_only, True, known_hosts, command, through)

    jumps = tuple(replace(jump, user=jump.user or host.user) for jump in stops(ssh.jump_host or ""))
    found = to(Stop(host.address, host.user, host.port), jumps, _MOST_STOPS)
    # A key in the inventory is the host's only one; on the way to it, others may be needed as well.
    return replace(found, name=host.name, keys=key or found.keys, keys_only=bool(key) or found.keys_only, agent=not key)


def stops(text: str) -> tuple[Stop, ...]:
    """The stops of a ProxyJump: `[user@]host[:port]`, several separated by commas; otherwise ValueError."""
    return tuple(_stop(one.strip()) for one in text.split(",")) if text else ()


def _stop(text: str) -> Stop:
    found = _STOP.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is not a host in the form [user@]host[:port]")
    return Stop(found["v6"] or found["name"], found["user"], int(found["port"]) if found["port"] else None)


def without_configuration(stop: Stop) -> Settings:
    """How a host is reached when the user's configuration is not read."""
    return Settings(stop.name, stop.port or SSH_PORT, stop.user, known_hosts=default_known_hosts())


def default_known_hosts() -> tuple[Path, ...]:
    """The user's own file, and the system's."""
    return Path("~/.ssh/known_hosts").expanduser(), SYSTEM_KNOWN_HOSTS
