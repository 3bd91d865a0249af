"""What the user's SSH configuration says of a host: OpenSSH is asked (`ssh -G`), so it means the same as for ssh.

Only settings for reaching a host and logging in are used. Nothing in these files makes host key checks less strict.
"""

from __future__ import annotations

import getpass
import os
import pwd
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path

from provisioner.errors import UnreachableError
from provisioner.inventory.model import Host
from provisioner.inventory.ssh import Ssh
from provisioner.transports.way import Settings, Stop, Way, default_known_hosts, stops, way, without_configuration

_SYSTEM = Path("/etc/ssh/ssh_config")
_OFF = "or do without that file: cluster.ssh.user_config: false."
# `Match exec` runs programs, which may wait for something.
_TIMEOUT_S = 60
# Names of known hosts files that mean no file.
_NO_FILES = ("none", "/dev/null")


def way_to(host: Host, ssh: Ssh) -> Way:
    """The way to a host by the inventory and, if it allows, the user's configuration; otherwise UnreachableError."""
    own = Path("~/.ssh/config").expanduser()
    if not ssh.user_config or not (own.exists() or _SYSTEM.exists()):
        return way(host, ssh, without_configuration)
    return way(host, ssh, partial(_asked, own=own))


@lru_cache(maxsize=4096)
def _asked(stop: Stop, own: Path) -> Settings:
    usual = own == _home() / ".ssh" / "config"
    file = [] if usual else ["-F", str(own) if own.exists() else str(_SYSTEM)]
    user = ["-l", stop.user] if stop.user else []
    port = ["-p", str(stop.port)] if stop.port else []
    command = ["ssh", "-G", *file, *user, *port, "--", stop.name]
    unusable = partial(_unusable, stop, own)
    try:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=True)
        return settings(said.stdout.decode(errors="surrogateescape"), stop)
    except FileNotFoundError:
        raise unusable("the program ssh, which reads it, is not installed", f"Install openssh-client, {_OFF}") from None
    except subprocess.CalledProcessError as error:
        details = error.stderr.decode(errors="replace")
        raise unusable("ssh refuses it", f"Correct it, {_OFF}", details) from None
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise unusable(str(error), f"Correct it, {_OFF}") from None


def _unusable(stop: Stop, own: Path, why: str, hint: str, details: str = "") -> UnreachableError:
    return UnreachableError(f"{stop.name}: {own} cannot be used: {why}", hint=hint, details=details.strip())


def settings(text: str, stop: Stop) -> Settings:
    """What `ssh -G` printed, as a value; ValueError when something in it is not supported."""
    said: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        said[key].append(value)
    one = {key: values[0] for key, values in said.items()}
    address, port, user = one["hostname"], int(one["port"]), one["user"]
    tokens = {"h": address, "n": stop.name, "p": str(port), "r": user, "%": "%"}
    command = one.get("proxycommand", "none")
    return Settings(
        address,
        port,
        user,
        keys=tuple(path for value in said["identityfile"] if (path := _path(value, tokens)).is_file()),
        keys_only=one.get("identitiesonly") == "yes",
        known_hosts=_known_hosts(one),
        jumps=stops(one.get("proxyjump", "")),
        proxy_command="" if command == "none" else _filled_in(command, tokens),
    )


def _known_hosts(one: Mapping[str, str]) -> tuple[Path, ...]:
    """The files of the user and the system; ssh prints them on one line, without quotes."""
    own, system = default_known_hosts()
    mine, shared = (_files(one.get(key, "none")) for key in ("userknownhostsfile", "globalknownhostsfile"))
    # ssh's defaults; the second file of each pair is obsolete.
    usual = _home() / ".ssh" / "known_hosts"
    mine = (own,) if mine in ((), (usual, usual.with_name("known_hosts2"))) else mine
    return (*mine, *((system,) if shared == (system, system.with_name("ssh_known_hosts2")) else shared))


def _files(names: str) -> tuple[Path, ...]:
    return tuple(Path(name).expanduser() for name in re.split(r" +(?=[/~])", names) if name not in _NO_FILES)


def _home() -> Path:
    """Where ssh looks for the user's files: it uses the user database, other programs use HOME."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _path(value: str, tokens: Mapping[str, str]) -> Path:
    local = {"d": str(Path.home()), "u": getpass.getuser()}
    return Path(_filled_in(value, {**tokens, **local})).expanduser()


def _filled_in(text: str, tokens: Mapping[str, str]) -> str:
    """ssh_config(5), TOKENS: replace the tokens for the host, the port and so on by their values."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in tokens:
            raise ValueError(f"provisioner does not know what {found[0]} stands for in `{text}`")
        return tokens[found[1]]

    return re.sub(r"%(.?)", value, text)
