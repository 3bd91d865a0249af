"""What lies at a path, and what it holds: the only part of the inventory that asks the file system.

Nothing here waits for ever or fills the memory: devices are not opened, a pipe has a time limit, a file has a largest
size. Whatever cannot be told is an OSError whose `strerror` says why.
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
# Twice the machines that a cluster may have: host_vars/ has a file for each.
MOST_ENTRIES = 10_000
# As for a program that prints an inventory.
PIPE_TIMEOUT_S = 60.0


class Kind(StrEnum):
    """What lies at a path, links followed."""

    NOTHING = "nothing"
    FILE = "a file"
    DIRECTORY = "a directory"
    PIPE = "a pipe"
    OTHER = "a device or a socket"


_ODD = (errno.EINVAL, errno.EFBIG, errno.EPIPE, errno.ETIMEDOUT)
_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFIFO: Kind.PIPE}


def kind(path: Path) -> Kind:
    """What lies there; OSError where that cannot be told, such as behind a directory that may not be entered."""
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode), Kind.OTHER)
    except (FileNotFoundError, NotADirectoryError):
        return Kind.NOTHING
    except ValueError:  # a NUL in its name
        raise OSError(errno.EINVAL, "this cannot be a file's name") from None


def is_directory(path: Path) -> bool:
    """Whether it is a directory, as far as that can be told."""
    try:
        return kind(path) is Kind.DIRECTORY
    except OSError:
        return False


def entries(directory: Path) -> tuple[Path, ...]:
    """What lies in a directory, in the order of its bytes; OSError where that is too much."""
    found = tuple(islice(directory.iterdir(), MOST_ENTRIES + 1))
    if len(found) > MOST_ENTRIES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_ENTRIES:,} entries")
    return tuple(sorted(found, key=lambda entry: os.fsencode(entry.name)))


def content(path: Path, *, pipes: bool = False) -> bytes:
    """All bytes of a file (or, with `pipes`, of a pipe); OSError where there are none to have, or too many."""
    found = kind(path)
    if found is Kind.OTHER or (found is Kind.PIPE and not pipes):
        raise OSError(errno.EINVAL, f"it is {found}, not a file")
    # A pipe without anybody at its other end would wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        read = _all(descriptor, time.monotonic() + PIPE_TIMEOUT_S)
    finally:
        os.close(descriptor)
    if found is Kind.PIPE and not read:
        raise OSError(errno.EPIPE, "it is a pipe, and nothing comes out of it")
    return read


def hint(error: OSError, path: Path) -> str:
    """What to do about a path that cannot be read, or "" where that is not known."""
    if isinstance(error, PermissionError):
        return f"see who may read it, and enter the directories above it: `namei -l {shlex.quote(str(path))}`"
    if error.errno == errno.ELOOP:
        return "remove the symbolic link that leads back to where it lies"
    if error.errno in _ODD:
        return "put an ordinary file there, of a size that people write"
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"this symbolic link leads nowhere: see `ls -l {shlex.quote(str(path))}`"
    return ""


def _all(descriptor: int, deadline_s: float) -> bytes:
    read = bytearray()
    while data := _next(descriptor, deadline_s):
        read += data
        if len(read) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES // 2**20} MiB")
    return bytes(read)


def _next(descriptor: int, deadline_s: float) -> bytes:
    """What comes next; nothing at the end."""
    while True:
        try:
            return os.read(descriptor, 2**20)
        except BlockingIOError:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                raise OSError(errno.ETIMEDOUT, "it is a pipe, and does not end in time") from None
