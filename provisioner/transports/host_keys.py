"""Whether a host's key is the one that is known: checked strictly, on every stop of every way."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import paramiko

from provisioner.errors import UnreachableError
from provisioner.transports.known_hosts import Entry, Known, fingerprint, known
from provisioner.transports.way import Way

_COMPARE = (
    "Compare it with the host's own key (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there), then run "
    "`provisioner trust` to confirm it once."
)
_AUTHORITY = (
    "Its certificate authority is listed (@cert-authority), but host certificates are not supported by provisioner. "
)


class Strict(paramiko.MissingHostKeyPolicy):
    """For a client that knows no keys itself: every key is compared with those that the files have."""

    def __init__(self, way: Way, found: Known) -> None:
        """`found` is what the files say of this host."""
        self._way = way
        self._found = found

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """UnreachableError for a key that is not confirmed, has changed or was revoked."""
        if not is_known(self._way, key, self._found):
            raise unknown(self._way, key, self._found)


def found_for(way: Way) -> Known:
    """What the files of known hosts say of a host; UnreachableError when one of them cannot be read."""
    try:
        return known(way.key_name, way.known_hosts)
    except OSError as error:
        message = f"{way.name}: the known host keys cannot be read: {error.strerror}: {error.filename}"
        raise UnreachableError(message, hint=f"Look at it: `ls -ld {shlex.quote(str(error.filename))}`.") from error


def prefer_known(transport: paramiko.Transport, found: Known) -> None:
    """Ask for keys of the types that are known first, as OpenSSH does: a server with several shows one of those."""
    types = {entry.type for entry in found.keys}
    options = transport.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda algorithm: _type(algorithm) not in types)


def _type(algorithm: str) -> str:
    """The type of key that signs with this algorithm (RFC 8332: RSA keys with SHA-2 are still of type ssh-rsa)."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def is_known(way: Way, key: paramiko.PKey, found: Known) -> bool:
    """Whether this key is confirmed; UnreachableError when another one is, or when it is revoked."""
    blob = key.asbytes()
    if revoked := [entry for entry in found.revoked if entry.blob == blob]:
        raise _revoked(way, key, revoked[0])
    if any(entry.blob == blob for entry in found.keys):
        return True
    if found.keys:
        raise _changed(way, key, found.keys)
    return False


def unknown(way: Way, key: paramiko.PKey, found: Known) -> UnreachableError:
    """The error for a key that is not confirmed."""
    files = " and ".join(map(str, way.known_hosts))
    return UnreachableError(
        f"{way.name}: the host key of {way.key_name} is not known",
        details=f"It shows {told(key)}; it is not in {files}.",
        hint=f"{_AUTHORITY if found.authorities else ''}{_COMPARE}",
    )


def told(key: paramiko.PKey) -> str:
    """Type and fingerprint, such as `ssh-ed25519 SHA256:...`."""
    return f"{key.get_name()} {fingerprint(key.asbytes())}"


def _revoked(way: Way, key: paramiko.PKey, entry: Entry) -> UnreachableError:
    return UnreachableError(
        f"{way.name}: {way.address}:{way.port}: its host key is REVOKED; this may be an attacker, not the host",
        details=f"shown: {told(key)}\n@revoked by {entry.path}, line {entry.line}",
        hint="Give the host new host keys (`rm /etc/ssh/ssh_host_*; ssh-keygen -A` there, then restart sshd), "
        "then run `provisioner trust`.",
    )


def _changed(way: Way, key: paramiko.PKey, entries: Iterable[Entry]) -> UnreachableError:
    same = [entry for entry in entries if entry.type == key.get_name()]
    where = f"{way.name}: {way.address}:{way.port}"
    what = "" if same else " (it has no key of a known type)"
    listed = [f"known: {one.type} {one.fingerprint} ({one.path}, line {one.line})" for one in same or entries]
    return UnreachableError(
        f"{where}: its host key has CHANGED{what}; someone may intercept the connection, or the host was reinstalled",
        details="\n".join([*listed, f"shown: {told(key)}"]),
        hint=f"If the host was reinstalled: {_remove(way, entries)}, then `provisioner trust`.",
    )


def _remove(way: Way, entries: Iterable[Entry]) -> str:
    paths = dict.fromkeys(entry.path for entry in entries)
    commands = (["ssh-keygen", "-R", way.key_name, "-f", str(path)] for path in paths)
    return " and ".join(f"`{shlex.join(command)}`" for command in commands)
