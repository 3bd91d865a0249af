"""A bundle handed out over a connection that is already there: apt on a node asks through a port that SSH
forwards to us, and this answers. Read-only: GET and HEAD of regular files under one directory.

Whoever is on the node can connect: requests are bounded in size and time, and connections in number.
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

# A request has to be there as a whole so long after the last answer, and a piece of an answer has to be taken.
IDLE_TIMEOUT_S = 60
# apt's requests have some 200 bytes.
MOST_REQUEST_BYTES = 16 * 1024
# A machine fetches with apt and apt-helper, one after the other: one or two at a time.
MOST_CONNECTIONS = 16
CHUNK_BYTES = 256 * 1024


class Connection(Protocol):
    """What is asked of a connection; a paramiko Channel and a socket both have it."""

    def sendall(self, data: bytes, /) -> Any:
        """Send all of it, or raise OSError."""

    def recv(self, size: int, /) -> bytes:
        """What has come, at most so many bytes; nothing at the end, TimeoutError after the time that was set."""

    def settimeout(self, timeout: float | None, /) -> None:
        """Give up reading, or sending a piece, after so many seconds."""

    def makefile(self, mode: Any, bufsize: Any, /) -> Any:
        """A binary file to read from."""

    def close(self) -> None:
        """End the connection."""


class _Requests(RawIOBase):
    """What comes over a connection: of each request, no more than its bytes and no longer than its time."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.begin()

    def begin(self) -> None:
        """The next request is waited for."""
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
        """Read requests with a bound."""
        super().setup()
        self.rfile.close()
        self._requests = _Requests(self.connection)
        self.rfile = BufferedReader(self._requests)

    def handle_one_request(self) -> None:
        """Each request has its own bounds, however many come over a connection."""
        self._requests.begin()
        super().handle_one_request()

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer 404 for all but regular files within the directory; else as the standard library."""
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
        """Say nothing: the run's listeners tell what happens."""


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
    """A bundle on one port of one node: so many connections at a time, each answered in a thread of its own."""

    def __init__(self, root: Path) -> None:
        """`root` is the bundle's directory."""
        self._root = root
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def accept(self, connection: Connection) -> None:
        """Answer a connection and return at once; one too many is closed, and whoever wanted it tries again."""
        if self._free.acquire(blocking=False):
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        else:
            connection.close()

    def _answer(self, connection: Connection) -> None:
        try:
            serve_connection(connection, self._root)
        finally:
            self._free.release()
