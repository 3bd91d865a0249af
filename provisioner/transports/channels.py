"""Giving a program at the other end of an SSH channel its input: a script, or files as one tar stream."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import paramiko

from provisioner.core.untrusted import visible

# How long the other side may accept no data, or not exit once it has all of it: enough time for a disk under load.
STALLED_S = 120
_CHUNK_BYTES = 256 * 1024


def send(channel: paramiko.Channel, text: bytes) -> None:
    """Give a program its whole input."""
    with _input(channel):
        channel.sendall(text)


def send_tar(channel: paramiko.Channel, root: Path, names: Sequence[str]) -> tuple[int, str]:
    """Give a program files below `root`; returns its exit code and its standard error.

    The transfer may take any time: TimeoutError only when there is no progress for STALLED_S.
    """
    channel.settimeout(STALLED_S)
    try:
        with (
            _input(channel),
            tarfile.open(fileobj=cast(IO[bytes], _Writer(channel)), mode="w|", bufsize=_CHUNK_BYTES) as archive,
        ):
            for name in names:
                archive.add(root / name, arcname=name, filter=_as_root)
        if not channel.status_event.wait(STALLED_S):
            raise TimeoutError
        said = visible(channel.makefile_stderr("rb").read().decode(errors="replace"))
    except TimeoutError as error:
        raise TimeoutError(f"no progress for {STALLED_S} s") from error
    return channel.recv_exit_status(), said


@contextmanager
def _input(channel: paramiko.Channel) -> Iterator[None]:
    """A program that exits before it has read everything (refused by sudo, read-only disk) is no error: it says why."""
    try:
        yield
        channel.shutdown_write()
    except OSError:
        if not channel.eof_received:
            raise


class _Writer:
    """A channel as a file to write to. After an error nothing is sent any more: tarfile writes once more on closing."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._is_broken = False

    def write(self, data: Any) -> int:
        """Send all of it."""
        if not self._is_broken:
            self._is_broken = True
            self._channel.sendall(data)
            self._is_broken = False
        return len(data)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
