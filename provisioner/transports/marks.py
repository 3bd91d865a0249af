"""One stream of a batch while it arrives: split at the marks of the batch, in linear time and constant memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

# How many bytes of one command's output on one stream are kept: more than any answer that is parsed. A stream keeps
# PER_STREAM in all; after that, only the beginning and the end of each command's output are kept.
PER_COMMAND = 1024 * 1024
PER_STREAM = 16 * 1024 * 1024
_ENDS = 4 * 1024
# How much of the last piece is searched for a line to show.
_LINE_BYTES = 4 * 1024
_HIGHEST_EXIT_CODE = 255


class GarbledError(ConnectionError):
    """The marks in the output are not as they should be: it is unknown which command has printed what."""


@dataclass(slots=True)
class Kept:
    """The beginning and the end of something long: no more than `most` bytes, half of them for each."""

    most: int
    total: int = 0
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)

    @property
    def left_out(self) -> int:
        """How many bytes are missing in the middle."""
        return max(0, self.total - len(self.head) - self.most // 2)

    def add(self, data: bytes | bytearray) -> None:
        """Take what has arrived."""
        room = max(0, self.most // 2 - len(self.head))
        self.head += data[:room]
        self.tail += data[room:]
        self.total += len(data)
        # Not at every piece, so that little is moved often.
        if len(self.tail) > self.most:
            del self.tail[: -(self.most // 2)]

    def text(self) -> str:
        """The text; where something is missing, a line says how much."""
        if not self.left_out:
            return (self.head + self.tail).decode(errors="replace")
        ends = (bytes(part).decode(errors="replace") for part in (self.head, self.tail[-(self.most // 2) :]))
        return f"\n[... {self.left_out} bytes are left out here ...]\n".join(ends)


class Stream:
    """What each command has printed: `ended` holds exit codes and texts of those that have ended, in order.

    Every command begins once and ends once, in order: GarbledError when another mark comes.
    """

    def __init__(self, separator: str, count: int, met: Callable[[str, int], None]) -> None:
        """`count` commands are in the batch; `met` is called with `begin` and `end` and the number of the command."""
        self._count = count
        self._met = met
        self._start = f"\n{separator} ".encode()
        self._mark = re.compile(re.escape(self._start) + rb"(begin|end) ([0-9]{1,6}) ([0-9]{1,6})\n")
        self._longest = len(self._start) + len("begin 999999 999999\n")
        self._pending = bytearray()
        self._running: Kept | None = None
        self._between = Kept(64 * 1024)
        self._kept = 0
        self.ended: list[tuple[int, Kept]] = []
        self.latest = b""

    def feed(self, data: bytes) -> None:
        """Take what has arrived. `latest` is then the end of what a command has printed in it."""
        self.latest = b""
        self._pending += data
        while mark := self._mark.search(self._pending):
            # Read now: a match refers to the buffer that it was found in, which is about to change.
            start, end, told = mark.start(), mark.end(), (mark[1].decode(), int(mark[2]), int(mark[3]))
            self._take(start)
            del self._pending[: end - start]
            self._meet(*told)
        self._take(len(self._pending) - self._begun_mark())

    def close(self) -> None:
        """Nothing more arrives."""
        self._take(len(self._pending))

    def rest(self) -> str:
        """What was printed outside of commands that have ended."""
        return self._between.text() + (self._running.text() if self._running else "")

    def _begun_mark(self) -> int:
        """How many bytes at the end may become a mark."""
        begun = self._pending[-self._longest :]
        begun = begun[begun.rfind(b"\n") :] if b"\n" in begun else bytearray()
        return len(begun) if begun.startswith(self._start) or self._start.startswith(begun) else 0

    def _take(self, size: int) -> None:
        data = bytes(self._pending[:size])
        del self._pending[:size]
        (self._between if self._running is None else self._running).add(data)
        if self._running is not None and data.strip():
            self.latest = data[-_LINE_BYTES:]

    def _meet(self, word: str, number: int, code: int) -> None:
        due = ("begin" if self._running is None else "end", len(self.ended))
        if (word, number) != due or number >= self._count or code > _HIGHEST_EXIT_CODE:
            raise GarbledError(f"its output does not match our commands ({word} {number} instead of {due[0]} {due[1]})")
        if self._running is None:
            self._running = Kept(max(_ENDS, min(PER_COMMAND, PER_STREAM - self._kept)))
        else:
            self._kept += len(self._running.head) + len(self._running.tail)
            self.ended.append((code, self._running))
            self._running = None
        self._met(word, number)
