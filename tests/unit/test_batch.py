"""A batch on a channel of a machine that does what it likes: its words are bounded, in turn, and obeyed by nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import paramiko
import pytest

from provisioner.core.command import Command, Result, require_whole
from provisioner.errors import StepError, UnreachableError
from provisioner.inventory.ssh import Ssh
from provisioner.transports.batch import Batch
from provisioner.transports.marks import PER_COMMAND
from provisioner.transports.protocol import no_listener
from provisioner.transports.ssh import SshTransport
from tests.builders import host
from tests.conftest import Tally
from tests.unit.core.test_marks import GARBLED, SEPARATOR, mark
from tests.unit.core.test_marks import batch as whole

# Clear the screen, set the title, write to the clipboard, draw over the line, turn the direction of writing, new line.
STEERS = "\x1b[2J \x1b]0;title\x07 \x1b]52;c;cm0=\x07 ok\rfailed \x9b31m \u202etxt.exe \u2028 \x85 \x0b \x0c \x1c \x7f"


@dataclass
class Channel:
    """A channel with these pieces on it; at its end the program has ended with `code`."""

    stdout: Iterator[bytes]
    stderr: Iterator[bytes] = field(default_factory=lambda: iter(()))
    code: int = 0
    closed: bool = False
    eof_received: bool = True
    _next: dict[str, bytes | None] = field(default_factory=dict)

    def _peek(self, name: str) -> bool:
        if self._next.get(name) is None:
            self._next[name] = next(getattr(self, name), None)
        return self._next[name] is not None

    def _read(self, name: str) -> bytes:
        assert self._peek(name)
        piece, self._next[name] = self._next[name], None
        return piece or b""

    def recv_ready(self) -> bool:
        return self._peek("stdout")

    def recv_stderr_ready(self) -> bool:
        return self._peek("stderr")

    def recv(self, size: int) -> bytes:
        return self._read("stdout")

    def recv_stderr(self, size: int) -> bytes:
        return self._read("stderr")

    def exit_status_ready(self) -> bool:
        return True

    def recv_exit_status(self) -> int:
        return self.code

    def settimeout(self, seconds: float) -> None:
        pass

    def sendall(self, data: bytes) -> None:
        pass

    def shutdown_write(self) -> None:
        pass

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *more: object) -> None:
        pass


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something has always arrived."""
    monkeypatch.setattr("select.select", lambda *channels: None)


def read(stdout: list[bytes], stderr: list[bytes], count: int, heard: Any = no_listener) -> tuple[Result, ...]:
    reading = Batch(SEPARATOR, count, no_listener, heard)
    reading.read(cast(paramiko.Channel, Channel(iter(stdout), iter(stderr))), deadline_s=60)
    return reading.results()


def test_what_steers_a_terminal_is_written_out_on_both_streams_and_in_what_is_heard(tally: Tally) -> None:
    heard: list[str] = []
    (result,) = read([mark("begin", 0), STEERS.encode(), mark("end", 0)], [whole(STEERS.encode())], 1, heard.append)
    for text in (result.stdout, result.stderr, *heard):
        assert text.isprintable()
        assert len(text.splitlines()) == 1
    assert result.stdout.startswith(r"\x1b[2J \x1b]0;title\x07 ")
    assert r"ok\x0dfailed" in result.stdout
    assert heard == [r"failed \x9b31m \u202etxt.exe \u2028 \x85 \x0b \x0c \x1c \x7f"]
    tally("hostile inputs tried", 1)


def test_line_ends_of_files_stay_different() -> None:
    unix, windows = read([whole(b"a\nb\n", b"a\r\nb\r\n")], [whole(b"", b"")], 2)
    assert unix.stdout != windows.stdout


def test_a_very_long_answer_is_not_compared() -> None:
    (result,) = read([mark("begin", 0), *[b"x" * PER_COMMAND] * 9, mark("end", 0)], [whole(b"")], 1)
    assert result.left_out == 8 * PER_COMMAND
    assert len(result.stdout) < 2 * PER_COMMAND
    with pytest.raises(StepError, match="w1: the output of a command on this host is too long"):
        require_whole("w1", [result])


def test_who_talks_without_an_end_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = iter(range(1000))
    monkeypatch.setattr("provisioner.transports.batch.time.monotonic", lambda: float(next(now_s)))

    def endless() -> Iterator[bytes]:
        yield mark("begin", 0)
        while True:
            yield b"y\n" * 1000

    reading = Batch(SEPARATOR, 1, no_listener, no_listener)
    with pytest.raises(TimeoutError, match="no answer within 60 s"):
        reading.read(cast(paramiko.Channel, Channel(endless(), endless())), deadline_s=60)


def asked(channel: Channel, monkeypatch: pytest.MonkeyPatch, count: int) -> tuple[Result, ...]:
    """Through the transport, as a run asks."""
    monkeypatch.setattr("secrets.token_hex", lambda size: SEPARATOR)
    monkeypatch.setattr(SshTransport, "_channel", lambda self, program: channel)
    return SshTransport(host("w1", "10.0.0.21"), Ssh()).run([Command(("true",))] * count, stop=False)


@pytest.mark.parametrize("printed", GARBLED.values(), ids=GARBLED)
@pytest.mark.parametrize("where", ["stdout", "stderr"])
def test_results_out_of_turn_are_that_machine_s_error(
    printed: bytes, where: str, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    good = whole(b"", b"")
    channel = Channel(iter([good]), iter([good]))
    setattr(channel, where, iter([printed]))
    with pytest.raises(UnreachableError, match="does not match our commands"):
        asked(channel, monkeypatch, 2)
    tally("hostile inputs tried", 1)


def test_exit_codes_that_differ_between_the_streams_are_that_machine_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    other = mark("begin", 0) + mark("end", 0, 1)
    with pytest.raises(UnreachableError, match="exit codes 0 and 1 of the same one"):
        asked(Channel(iter([whole(b"")]), iter([other])), monkeypatch, 1)


@pytest.mark.parametrize("answered", [0, 1])
def test_too_few_results_are_that_machine_s_error(answered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = whole(*[b""] * answered)
    with pytest.raises(UnreachableError, match="did not run our commands to their end"):
        asked(Channel(iter([printed]), iter([printed, b"Killed"]), code=137), monkeypatch, 2)


def test_what_sudo_says_is_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"\x1b[2Jsudo: a password is required\n"
    with pytest.raises(UnreachableError, match="sudo asks for a password") as error:
        asked(Channel(iter([]), iter([said]), code=1), monkeypatch, 1)
    assert error.value.details == r"\x1b[2Jsudo: a password is required"
