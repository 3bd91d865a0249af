"""OpenSSH's files of known host keys (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), read by bytes and lines.

What cannot be parsed is left as it is and skipped: an invalid line does not affect other lines.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import paramiko

from provisioner.inventory.ssh import SSH_PORT
from provisioner.paths import write_atomic

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HASHED = b"|"
_NEW_FILE_MODE = 0o644


class Marker(Enum):
    """What a line says of its key."""

    KNOWN = b""
    REVOKED = b"@revoked"
    AUTHORITY = b"@cert-authority"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: which hosts (names as written, in lower case), which key (as written), and in which file and line."""

    marker: Marker
    names: bytes
    type: str
    key: bytes
    path: Path
    line: int

    @property
    def blob(self) -> bytes:
        """The key as it goes over the wire; empty when the line has none."""
        return _blob(self.type, self.key)

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as OpenSSH prints it."""
        return fingerprint(self.blob)

    def is_for(self, name: bytes) -> bool:
        """Whether one of the names or patterns matches, and none after a `!`; the name in lower case."""
        if self.names.startswith(_HASHED):
            return _is_hash_of(name, self.names)
        patterns = self.names.split(b",")
        if any(one.startswith(b"!") and _fits(name, one[1:]) for one in patterns):
            return False
        return any(_fits(name, one) for one in patterns if not one.startswith(b"!"))


@dataclass(frozen=True, slots=True)
class Known:
    """What the files say of one host; entries without a valid key are left out."""

    keys: tuple[Entry, ...] = ()
    revoked: tuple[Entry, ...] = ()
    authorities: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """One file: entries with plain names by each name, all others (hashes, patterns) in order."""

    plain: Mapping[bytes, tuple[Entry, ...]]
    others: tuple[Entry, ...]

    def entries(self, name: str) -> list[Entry]:
        """The entries for a name (see `name_of`), in the order of the file."""
        small = name.lower().encode(errors="surrogateescape")
        found = (*self.plain.get(small, ()), *(entry for entry in self.others if entry.is_for(small)))
        return sorted((entry for entry in found if entry.blob), key=lambda entry: entry.line)


def name_of(address: str, port: int) -> str:
    """The name by which a host is looked up: its address, and the port if that is not 22."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


def known(name: str, paths: Iterable[Path]) -> Known:
    """All that the files say of a name; a missing file says nothing. OSError when one cannot be read."""
    found = [entry for path in paths for entry in read(path).entries(name)]
    sorted_out = ([entry for entry in found if entry.marker is marker] for marker in Marker)
    return Known(*map(tuple, sorted_out))


def read(path: Path) -> KnownHosts:
    """The file as it is now. It is read again only when it has changed: many connections ask for the same one."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return KnownHosts({}, ())
    return _read(path, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, inode: int, changed_ns: int, size_bytes: int) -> KnownHosts:
    return parse(path.read_bytes(), path)


def parse(data: bytes, path: Path) -> KnownHosts:
    """The entries of a file's content."""
    plain: dict[bytes, list[Entry]] = defaultdict(list)
    others: list[Entry] = []
    for entry in _entries(data, path):
        if any(letter in entry.names for letter in b"|*?!"):
            others.append(entry)
        else:
            for name in set(entry.names.split(b",")):
                plain[name].append(entry)
    return KnownHosts({name: tuple(entries) for name, entries in plain.items()}, tuple(others))


def append(path: Path, name: str, key: paramiko.PKey) -> None:
    """Add a key for a name (see `name_of`) at the end; existing bytes stay. OSError when that fails."""
    there = path.read_bytes() if path.exists() else b""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _NEW_FILE_MODE
    newline = b"\n" if there and not there.endswith(b"\n") else b""
    line = f"{name} {key.get_name()} {key.get_base64()}\n".encode()
    write_atomic(path, there + newline + line, mode)


def fingerprint(blob: bytes) -> str:
    """`SHA256:...`, as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _entries(data: bytes, path: Path) -> Iterator[Entry]:
    for number, line in enumerate(data.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), 1):
        words = line.split()
        marker = Marker.KNOWN
        if words and words[0].startswith(b"@"):
            if words[0] not in (Marker.REVOKED.value, Marker.AUTHORITY.value):
                continue
            marker = Marker(words.pop(0))
        if len(words) >= 3 and not words[0].startswith(b"#"):
            # Upper and lower case differ in a hash, and not in names.
            names = words[0] if words[0].startswith(_HASHED) else words[0].lower()
            yield Entry(marker, names, words[1].decode("ascii", "replace"), words[2], path, number)


def _blob(type_: str, key: bytes) -> bytes:
    """The key's bytes; empty when they are not a key of that type."""
    try:
        blob = base64.b64decode(key, validate=True)
    except binascii.Error:
        return b""
    parts = _parts(blob)
    return blob if base64.b64encode(blob) == key and len(parts) > 1 and parts[0] == type_.encode() else b""


def _parts(blob: bytes) -> list[bytes]:
    """What a key is made of on the wire, its type first (RFC 4253, section 6.6); nothing when a part is cut off."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        part, blob = blob[4 : 4 + length], blob[4 + length :]
        if len(part) < length:
            return []
        found.append(part)
    return found


def _fits(name: bytes, pattern: bytes) -> bool:
    # `*` and `?` are OpenSSH's patterns; brackets stand for themselves, in `[10.0.0.5]:2222`.
    return fnmatchcase(name, pattern.replace(b"[", b"[[]"))


def _is_hash_of(name: bytes, names: bytes) -> bool:
    """`|1|salt|HMAC-SHA1 of the name`, both in Base64 (ssh-keygen -H)."""
    parts = names.split(_HASHED)
    if len(parts) != 4 or parts[1] != b"1":
        return False
    try:
        salt = base64.b64decode(parts[2], validate=True)
    except binascii.Error:
        return False
    return base64.b64encode(hmac.digest(salt, name, "sha1")) == parts[3]
