"""A bundle served over an existing connection: apt on a host asks through a port that SSH forwards to us, and this
answers. Read-only: GET and HEAD of regular files under one directory.

Every user and program on the host can connect: requests are bounded in size and time, and connections in number.
"""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

# The limit for a whole request to arrive after the last answer, and for a piece of an answer to be accepted.
IDLE_TIMEOUT_S = 60
# apt's requests have about 200 bytes.
MOST_REQUEST_BYTES = 16 * 1024
# A host fetches with apt and apt-helper, one after the other: one or two at a time.
MOST_CONNECTIONS = 16
CHUNK_BYTES = 256 * 1024


class Connection(Protocol):
    """What is required of a connection; a paramiko Channel and a socket both have it."""

    def sendall(self, data: bytes, /) -> Any:
        """Send all of it, or raise OSError."""

    def recv(self, size: int, /) -> bytes:
        """What has arrived, at most so many bytes; nothing at the end, TimeoutError after the time that was set."""

    def settimeout(self, timeout: float | None, /) -> None:
        """Give up reading, or sending a piece, after so many seconds."""

    def makefile(self, mode: Any, bufsize: Any, /) -> Any:
        """A binary file to read from."""

    def close(self) -> None:
        """End the connection."""


class _Requests(RawIOBase):
    """What arrives over a connection: each request is limited in bytes and in time."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.begin()

    def begin(self) -> None:
        """Start waiting for the next request."""
        self._left_bytes, self._until_s = MOST_REQUEST_BYTES, time.monotonic() + IDLE_TIMEOUT_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0 or self._left_bytes <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        data = self._connection.recv(min(len(buffer), self._left_bytes))
        self._left_bytes -= len(data)
        buffer[: len(data)] = data
        return len(data)


class BundleHandler(SimpleHTTPRequestHandler):
    """Files only: no listings, no index pages, nothing outside the directory, nothing written to stderr."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Read requests with limits."""
        super().setup()
        self.rfile.close()
        self._requests = _Requests(self.connection)
        self.rfile = BufferedReader(self._requests)

    def handle_one_request(self) -> None:
        """Each request has its own limits, however many come over a connection."""
        self._requests.begin()
        super().handle_one_request()

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer 404 for all but regular files within the directory; otherwise like the standard library."""
        self.connection.settimeout(IDLE_TIMEOUT_S)
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
        """Log nothing: the run's listeners report what happens."""


def serve_connection(channel: Connection, root: Path) -> None:
    """Answer every request of one connection (keep-alive) with files below `root`, then close it.

    Returns when the other side is done, silent or slow for a minute, or gone; a vanished peer is not an error.
    """
    handler = partial(BundleHandler, directory=str(root))
    try:
        with suppress(OSError, EOFError):
            handler(cast(Any, channel), ("ssh", 0), cast(Any, None))
    finally:
        channel.close()


class Server:
    """A bundle on one port of one host: MOST_CONNECTIONS at a time, each answered in a thread of its own."""

    def __init__(self, root: Path) -> None:
        """`root` is the bundle's directory."""
        self._root = root
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def accept(self, connection: Connection) -> None:
        """Answer a connection and return at once; one too many is closed, and its client tries again."""
        if self._free.acquire(blocking=False):
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        else:
            connection.close()

    def _answer(self, connection: Connection) -> None:
        try:
            serve_connection(connection, self._root)
        finally:
            self._free.release()
