"""Upstream's servers played by one: hands out a directory, well or as badly as a test wants, and notes it all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from provisioner.bundle.common.serve import BundleHandler

# Longer than any client waits for an answer; a test's end ends it earlier.
HANG_S = 900.0


class Handler(BundleHandler):
    """Answers as the site says; also to clients that take it for a proxy and ask for whole addresses."""

    site: SiteServer

    def send_head(self) -> BytesIO | BinaryIO | None:
        """The file, or what the test has put in its place."""
        address = urlsplit(self.path)
        if address.netloc:
            self.site.proxied.append(f"{address.netloc}{address.path}")
            self.path = address.path
        asked = unquote(self.path).lstrip("/")
        self.site.asked.append(asked)
        answer = next((answer for pattern, answer in self.site.answers if fnmatchcase(asked, pattern)), None)
        return answer(self) if answer else super().send_head()


Answer = Callable[[Handler], BytesIO | None]


@dataclass
class SiteServer:
    """What is requested, from which server (as a proxy), and the bad answers: (pattern, answer), first wins."""

    directory: Path
    asked: list[str] = field(default_factory=list)
    proxied: list[str] = field(default_factory=list)
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    @contextmanager
    def answering(self, pattern: str, answer: Answer) -> Iterator[None]:
        """Give this answer to all that matches the pattern (of paths without the first slash)."""
        row = (pattern, answer)
        self.answers.insert(0, row)
        try:
            yield
        finally:
            self.answers.remove(row)


def handler(site: SiteServer) -> Callable[..., Handler]:
    """What answers one connection for the site."""
    return partial(type("SiteHandler", (Handler,), {"site": site}), directory=str(site.directory))


@contextmanager
def serving(directory: Path, host: str) -> Iterator[SiteServer]:
    """Serve the directory on a free port of that address of this machine; `address` is `http://HOST:PORT`."""
    site = SiteServer(directory)
    with ThreadingHTTPServer((host, 0), handler(site)) as server:
        site.address = f"http://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            site.ended.set()
            server.shutdown()
            thread.join()


def refuse(status: HTTPStatus) -> Answer:
    """Say no, as a server or a proxy in between does."""

    def answer(handler: Handler) -> None:
        handler.send_error(status)

    return answer


def hang(handler: Handler) -> None:
    """Take the question and say nothing."""
    handler.site.ended.wait(HANG_S)
    handler.close_connection = True


def give(content: bytes) -> Answer:
    """Something else instead."""

    def answer(handler: Handler) -> BytesIO:
        handler.send_response(HTTPStatus.OK)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        return BytesIO(content)

    return answer


def damage(handler: Handler) -> BytesIO | None:
    """The file with its last byte changed: as long as promised, and another hash."""
    content = Path(handler.translate_path(handler.path)).read_bytes()
    return give(content[:-1] + bytes([content[-1] ^ 1]))(handler)
