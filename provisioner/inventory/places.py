"""What is at a path, and its content: the only part of the inventory that uses the file system.

Nothing here waits for ever or fills the memory: devices are not opened, a pipe has a time limit, a file has a maximum
size. What cannot be read or found out is an OSError whose `strerror` says why.
"""

from __future__ import annotations

import errno
import os
import select
import shlex
import stat
import time
from enum import StrEnum
from itertools import islice
from pathlib import Path

MOST_BYTES = 16 * 2**20
# Twice the hosts that a cluster may have: host_vars/ has a file for each.
MOST_ENTRIES = 10_000
# As for a program that prints an inventory.
PIPE_TIMEOUT_S = 60.0


class Kind(StrEnum):
    """What is at a path, after following links."""

    NOTHING = "nothing"
    FILE = "a file"
    DIRECTORY = "a directory"
    PIPE = "a pipe"
    OTHER = "a device or a socket"


_ODD = (errno.EINVAL, errno.EFBIG, errno.EPIPE, errno.ETIMEDOUT)
_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFIFO: Kind.PIPE}


def kind(path: Path) -> Kind:
    """What is there; OSError when that cannot be found out, such as in a directory that may not be entered."""
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode), Kind.OTHER)
    except (FileNotFoundError, NotADirectoryError):
        return Kind.NOTHING
    except ValueError:  # a NUL in its name
        raise OSError(errno.EINVAL, "this cannot be a file's name") from None


def is_directory(path: Path) -> bool:
    """Whether it is a directory; False when that cannot be found out."""
    try:
        return kind(path) is Kind.DIRECTORY
    except OSError:
        return False


def entries(directory: Path) -> tuple[Path, ...]:
    """The entries of a directory, sorted by the bytes of their names; OSError when there are too many."""
    found = tuple(islice(directory.iterdir(), MOST_ENTRIES + 1))
    if len(found) > MOST_ENTRIES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_ENTRIES:,} entries")
    return tuple(sorted(found, key=lambda entry: os.fsencode(entry.name)))


def content(path: Path, *, pipes: bool = False) -> bytes:
    """All bytes of a file (or, with `pipes`, of a pipe); OSError when they cannot be read, or are too many."""
    found = kind(path)
    if found is Kind.OTHER or (found is Kind.PIPE and not pipes):
        raise OSError(errno.EINVAL, f"it is {found}, not a file")
    # A pipe that no process has open for writing would wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        read = _all(descriptor, time.monotonic() + PIPE_TIMEOUT_S)
    finally:
        os.close(descriptor)
    if found is Kind.PIPE and not read:
        raise OSError(errno.EPIPE, "it is a pipe, and it is empty")
    return read


def hint(error: OSError, path: Path) -> str:
    """What to do about a path that cannot be read, or "" when that is not known."""
    if isinstance(error, PermissionError):
        return f"check its permissions and those of the directories above it: `namei -l {shlex.quote(str(path))}`"
    if error.errno == errno.ELOOP:
        return "remove the symbolic link that leads back to itself"
    if error.errno in _ODD:
        return "use a regular file of a normal size"
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"the target of this symbolic link does not exist: see `ls -l {shlex.quote(str(path))}`"
    return ""


def _all(descriptor: int, deadline_s: float) -> bytes:
    read = bytearray()
    while data := _next(descriptor, deadline_s):
        read += data
        if len(read) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES // 2**20} MiB")
    return bytes(read)


def _next(descriptor: int, deadline_s: float) -> bytes:
    """The next bytes; empty at the end."""
    while True:
        try:
            return os.read(descriptor, 2**20)
        except BlockingIOError:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                raise OSError(errno.ETIMEDOUT, "it is a pipe, and it was not closed in time") from None
