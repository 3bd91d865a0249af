from __future__ import annotations

import io
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from provisioner.bundle.common.serve import (
    IDLE_TIMEOUT_S,
    MOST_CONNECTIONS,
    MOST_REQUEST_BYTES,
    Server,
    serve_connection,
)
from tests.patience import LONGEST_S


class FakeChannel:
    """What a paramiko Channel offers, over bytes; `breaks_after` sends it says the peer is gone."""

    def __init__(self, request: bytes, breaks_after: int = 10**9) -> None:
        self.request = io.BytesIO(request)
        self.breaks_after = breaks_after
        self.sent: list[bytes] = []
        self.timeout_s: float | None = None
        self.patience_s: set[float | None] = set()
        self.closed = False

    def makefile(self, mode: object, bufsize: object, /) -> io.BytesIO:
        return io.BytesIO()

    def recv(self, size: int, /) -> bytes:
        return self.request.read(size)

    def sendall(self, data: bytes, /) -> None:
        if len(self.sent) >= self.breaks_after:
            raise OSError("Socket is closed")
        self.sent.append(bytes(data))
        self.patience_s.add(self.timeout_s)

    def settimeout(self, timeout: float | None, /) -> None:
        self.timeout_s = timeout

    def close(self) -> None:
        self.closed = True


class SilentChannel(FakeChannel):
    """A peer that never says anything."""

    def recv(self, size: int, /) -> bytes:
        raise TimeoutError


class SlowChannel(FakeChannel):
    """A peer that says one byte at a time, every ten seconds."""

    def __init__(self, request: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(request)
        self.now_s = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)

    def recv(self, size: int, /) -> bytes:
        self.now_s += 10
        return self.request.read(1)


class WaitingChannel(FakeChannel):
    """A peer that says nothing until it is told to hang up."""

    def __init__(self) -> None:
        super().__init__(b"")
        self.hang_up = threading.Event()

    def recv(self, size: int, /) -> bytes:
        self.hang_up.wait(LONGEST_S)
        return b""


def get(path: str, method: str = "GET", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: bundle", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ask(root: Path, request: bytes) -> tuple[FakeChannel, bytes]:
    channel = FakeChannel(request)
    serve_connection(channel, root)
    assert channel.closed
    return channel, b"".join(channel.sent)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "apt").mkdir(parents=True)
    (root / "apt/Packages").write_bytes(b"Package: kubelet\n")
    (root / "apt/a_1%3a2.deb").write_bytes(b"deb")
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "out").symlink_to(tmp_path / "secret")
    return root


def test_a_file(root: Path) -> None:
    channel, answer = ask(root, get("/apt/Packages"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: 17" in answer
    assert answer.endswith(b"\r\n\r\nPackage: kubelet\n")
    assert channel.patience_s == {IDLE_TIMEOUT_S}


def test_one_connection_answers_many_requests(root: Path) -> None:
    _, answer = ask(root, get("/apt/Packages") * 3)
    assert answer.count(b"HTTP/1.1 200 OK") == 3


def test_head_has_no_body(root: Path) -> None:
    _, answer = ask(root, get("/apt/Packages", "HEAD"))
    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n")


def test_escaped_names(root: Path) -> None:
    assert ask(root, get("/apt/a_1%253a2.deb"))[1].endswith(b"deb")


def test_not_modified_since(root: Path) -> None:
    later = formatdate((root / "apt/Packages").stat().st_mtime + 5, usegmt=True)
    assert status(ask(root, get("/apt/Packages", **{"If-Modified-Since": later}))[1]) == 304


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/apt", "/apt/", "/apt/Packages/", "/nothing", "/out", "/../secret", "/apt/../../secret"),
        *("/%2e%2e/secret", "//etc/passwd", "/apt/%00", "/apt/%ff", "/apt/Packages/x", "/" + "x" * 300),
    ],
)
def test_nothing_but_files_inside(root: Path, path: str) -> None:
    _, answer = ask(root, get(path))
    assert status(answer) == 404
    assert b"secret" not in answer.split(b"\r\n\r\n", 1)[1]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_read_only(root: Path, method: str) -> None:
    assert status(ask(root, get("/apt/Packages", method))[1]) == 501


@pytest.mark.parametrize("request_", [b"", b"\r\n", b"hello\r\n\r\n", b"\x16\x03\x01\xff\xff", b"GET"])
def test_nonsense_ends_the_connection(root: Path, request_: bytes) -> None:
    ask(root, request_)


def test_large_files_come_in_large_chunks(root: Path) -> None:
    (root / "large").write_bytes(b"x" * 600_000)
    channel, answer = ask(root, get("/large"))
    assert answer.endswith(b"x" * 600_000)
    assert [len(data) for data in channel.sent[1:]] == [262_144, 262_144, 75_712]


@pytest.mark.parametrize("breaks_after", [0, 1, 2])
def test_a_peer_that_goes_away_is_no_error(root: Path, breaks_after: int) -> None:
    (root / "large").write_bytes(b"x" * 600_000)
    channel = FakeChannel(get("/large"), breaks_after)
    serve_connection(channel, root)
    assert channel.closed


def test_a_silent_peer_is_let_go(root: Path) -> None:
    channel = SilentChannel(b"")
    serve_connection(channel, root)
    assert channel.closed


def test_a_request_that_does_not_come_to_its_end_is_not_waited_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the request does not."""
    channel = SlowChannel(get("/apt/Packages"), monkeypatch)
    serve_connection(channel, root)
    assert channel.closed
    assert channel.request.tell() == IDLE_TIMEOUT_S / 10
    assert channel.sent == []


def test_each_request_has_its_own_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = SlowChannel(b"", monkeypatch)
    requests = iter([get("/apt/Packages")] * 20)

    def recv(size: int, /) -> bytes:
        channel.now_s += 50
        return next(requests, b"")

    monkeypatch.setattr(channel, "recv", recv)
    serve_connection(channel, root)
    assert b"".join(channel.sent).count(b"HTTP/1.1 200 OK") == 20


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"x" * 10**6 + b" HTTP/1.1\r\n\r\n",
        b"x" * 10**6,
        b"GET /apt/Packages HTTP/1.1\r\n" + b"A: b\r\n" * 10**5 + b"\r\n",
        b"GET /apt/Packages HTTP/1.1\r\nA: " + b"b" * 10**6,
    ],
    ids=["a long name", "no line", "many headers", "a long header"],
)
def test_a_request_that_is_too_long_is_not_read_to_its_end(root: Path, request_: bytes) -> None:
    channel, answer = ask(root, request_)
    assert channel.request.tell() <= MOST_REQUEST_BYTES
    assert b"200 OK" not in answer


def test_connections_are_bounded_and_one_that_ends_makes_room(root: Path) -> None:
    server, before = Server(root), set(threading.enumerate())
    channels = [WaitingChannel() for _ in range(MOST_CONNECTIONS + 1)]
    for channel in channels:
        server.accept(channel)
    served = channels[:MOST_CONNECTIONS]
    assert [channel.closed for channel in channels] == [False] * MOST_CONNECTIONS + [True]
    for channel in served:
        channel.hang_up.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert all(channel.closed for channel in served)
    late = WaitingChannel()
    server.accept(late)
    assert not late.closed
    late.hang_up.set()


def test_says_nothing(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ask(root, get("/apt/Packages") + get("/nothing"))
    assert capfd.readouterr() == ("", "")
