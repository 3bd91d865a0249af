"""A bundle handed out over a connection that is already there: apt on a node asks through a port that SSH
forwards to us, and this answers. Read-only: GET and HEAD of regular files under one directory.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

IDLE_TIMEOUT_S = 60
CHUNK_BYTES = 256 * 1024


class Connection(Protocol):
    """What is asked of a connection; a paramiko Channel and a socket both have it."""

    def sendall(self, data: bytes, /) -> Any:
        """Send all of it, or raise OSError."""

    def settimeout(self, timeout: float | None, /) -> None:
        """Give up reading after so many seconds."""

    def makefile(self, mode: Any, bufsize: Any, /) -> Any:
        """A binary file to read from."""

    def close(self) -> None:
        """End the connection."""


class BundleHandler(SimpleHTTPRequestHandler):
    """Files only: no listings, no index pages, nothing outside the directory, nothing written to stderr."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer 404 for all but regular files within the directory; else as the standard library."""
        if not self._may_be_served():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def _may_be_served(self) -> bool:
        if self.path.split("?")[0].endswith("/"):
            return False
        try:
            file = Path(self.translate_path(self.path)).resolve()
            return file.is_file() and file.is_relative_to(Path(self.directory).resolve())
        except (OSError, ValueError):  # a name that no file can have
            return False

    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:  # type: ignore[override]
        """Send in chunks that fill an SSH window instead of the library's small ones."""
        shutil.copyfileobj(source, outputfile, CHUNK_BYTES)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the run's listeners tell what happens."""


def serve_connection(channel: Connection, root: Path) -> None:
    """Answer every request of one connection (keep-alive) with files below `root`, then close it.

    Returns when the other side is done, silent for a minute, or gone; a vanished peer is not an error.
    """
    handler = partial(BundleHandler, directory=str(root))
    try:
        with suppress(OSError, EOFError):
            handler(cast(Any, channel), ("ssh", 0), cast(Any, None))
    finally:
        channel.close()
