"""The same way for OpenSSH: its options, for `provisioner ssh` and for the configuration that `verify` writes."""

from __future__ import annotations

import shlex
from pathlib import Path

from provisioner.errors import UsageError
from provisioner.transports.way import Way

# Keywords of ssh_config(5) with their values; IdentityFile may stand there several times.
Options = tuple[tuple[str, str], ...]


def ssh_argv(way: Way, more: Options = ()) -> list[str]:
    """The `ssh` call that opens a shell at the end of the way, as strict about host keys as we are.

    No configuration file is read: the relevant part of the user's is in the way already. `more` is for every stop.
    """
    flags = [word for key, value in (*options(way, more), *more) for word in ("-o", f"{key}={value}")]
    return ["ssh", "-F", "none", *flags, way.address]


def options(way: Way, more: Options = ()) -> Options:
    """What leads to the end of the way; `more` is for the stops before it, which have an ssh of their own."""
    return (
        ("Port", str(way.port)),
        *((("User", way.user),) if way.user else ()),
        *(("IdentityFile", quoted(key)) for key in way.keys),
        *((("IdentitiesOnly", "yes"),) if way.keys_only else ()),
        ("StrictHostKeyChecking", "yes"),
        ("UserKnownHostsFile", " ".join(quoted(path) for path in way.known_hosts)),
        # All files that count are named above.
        ("GlobalKnownHostsFile", "/dev/null"),
        *((("ProxyCommand", command),) if (command := _proxy_command(way, more)) else ()),
    )


def _proxy_command(way: Way, more: Options) -> str:
    """A line for a shell. `ssh -J` would give the stops none of our options."""
    if not way.through:
        return _literal(way.proxy_command)
    argv = ssh_argv(way.through, more)
    return _literal(shlex.join([*argv[:-1], "-W", f"[{way.address}]:{way.port}", argv[-1]]))


def quoted(path: Path) -> str:
    """A path as one word of ssh_config(5); UsageError for one that no quotes can hold."""
    text = str(path)
    if not text.isprintable():
        raise UsageError(f"{text!r} cannot be given to ssh", hint="Rename the file: no control characters in its name.")
    return '"' + _literal(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _literal(text: str) -> str:
    """`%` begins a token there."""
    return text.replace("%", "%%")
