"""A batch of commands under way on an SSH channel: what has arrived, and when each command began and ended."""

from __future__ import annotations

import re
import select
import time

import paramiko

from provisioner.core.command import Result, split
from provisioner.transports.protocol import Began, Heard

_CHUNK_BYTES = 256 * 1024


class Batch:
    """What arrives from a running batch: both streams, and when each command began and ended."""

    def __init__(self, separator: str, began: Began, heard: Heard) -> None:
        self._separator = separator
        self._began = began
        self._heard = heard
        self._mark = re.compile(rf"\n{separator} (begin|end) (\d+) (\d+)\n")
        self._position = 0
        self._times: dict[tuple[str, int], float] = {}
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.code = 0

    @property
    def begun(self) -> bool:
        """Whether a first command has begun."""
        return bool(self._times)

    @property
    def stdout(self) -> str:
        """All of it, marks included."""
        return self._stdout.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """All of it, marks included."""
        return self._stderr.decode(errors="replace")

    def read(self, channel: paramiko.Channel, deadline_s: float) -> None:
        """Read until the other side has ended; TimeoutError after the deadline."""
        until = time.monotonic() + deadline_s
        while not self._ended(channel):
            if time.monotonic() > until:
                raise TimeoutError(f"no answer within {deadline_s:.0f} s")
            select.select([channel], [], [], 1.0)
            self._take(channel)
        self.code = channel.recv_exit_status()

    def _ended(self, channel: paramiko.Channel) -> bool:
        """Whether all has arrived. A channel whose connection broke is closed, too, but has not come to its end."""
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if channel.exit_status_ready() and channel.eof_received:
            return True
        if channel.closed or not channel.get_transport().is_active():
            raise OSError("the connection broke")
        return False

    def _take(self, channel: paramiko.Channel) -> None:
        while channel.recv_ready():
            self._stdout += channel.recv(_CHUNK_BYTES)
        while channel.recv_stderr_ready():
            self._stderr += channel.recv_stderr(_CHUNK_BYTES)
        # A mark may have arrived in part only: look again from a little before the end of what was seen.
        text = self._stdout.decode(errors="replace")
        for mark in self._mark.finditer(text, max(0, self._position - 100)):
            moment = (mark[1], int(mark[2]))
            if moment not in self._times:
                self._times[moment] = time.monotonic()
                if mark[1] == "begin":
                    self._began(int(mark[2]))
        line = text[self._position :].rstrip().rpartition("\n")[2]
        if line and self._separator not in line:
            self._heard(line)
        self._position = len(text)

    def results(self) -> tuple[Result, ...]:
        """The results of the commands that came to their end, in order."""
        out = split(self._stdout.decode(errors="replace"), self._separator)
        err = split(self._stderr.decode(errors="replace"), self._separator)
        return tuple(
            Result(code, text, err.get(number, (None, ""))[1], self._seconds(number))
            for number, (code, text) in sorted(out.items())
            if code is not None
        )

    def _seconds(self, number: int) -> float:
        return self._times.get(("end", number), 0.0) - self._times.get(("begin", number), 0.0)
