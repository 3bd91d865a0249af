"""A batch of commands that runs on an SSH channel: what has arrived, and when each command began and ended.

All output of a host comes in here. Beyond this module it has no characters that a terminal interprets or hides, and
lines end with a newline and nothing else that `str.splitlines` would take for a line end.
"""

from __future__ import annotations

import select
import time

import paramiko

from provisioner.core.command import Result
from provisioner.core.untrusted import visible
from provisioner.transports.marks import GarbledError, Kept, Stream
from provisioner.transports.protocol import Began, Heard

_CHUNK_BYTES = 256 * 1024


class Batch:
    """What arrives from a running batch: both streams, and when each command began and ended."""

    def __init__(self, separator: str, count: int, began: Began, heard: Heard) -> None:
        """`count` commands are in the batch, between marks with this separator."""
        self._began = began
        self._heard = heard
        self._times: dict[tuple[str, int], float] = {}
        self._stdout = Stream(separator, count, self._met)
        self._stderr = Stream(separator, count, lambda word, number: None)
        self.code = 0

    @property
    def begun(self) -> bool:
        """Whether a first command has begun."""
        return bool(self._times)

    @property
    def stdout(self) -> str:
        """What does not belong to a command that has ended."""
        return visible(self._stdout.rest())

    @property
    def stderr(self) -> str:
        """What does not belong to a command that has ended."""
        return visible(self._stderr.rest())

    def read(self, channel: paramiko.Channel, deadline_s: float) -> None:
        """Read until the other side has ended; TimeoutError after the deadline, GarbledError when marks do not fit."""
        until = time.monotonic() + deadline_s
        while not self._ended(channel):
            if time.monotonic() > until:
                raise TimeoutError(f"no answer within {deadline_s:.0f} s")
            select.select([channel], [], [], 1.0)
            self._take(channel)
        self._close()
        self.code = channel.recv_exit_status()

    def results(self) -> tuple[Result, ...]:
        """The results of the commands that have ended, in order: at most one for each."""
        ended = zip(self._stdout.ended, self._stderr.ended, strict=False)
        return tuple(self._result(number, *both) for number, both in enumerate(ended))

    def _ended(self, channel: paramiko.Channel) -> bool:
        """Whether everything has arrived. A channel whose connection broke is closed, too, but has not ended."""
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        if channel.exit_status_ready() and channel.eof_received:
            return True
        if channel.closed or not channel.get_transport().is_active():
            raise OSError("the connection broke")
        return False

    def _take(self, channel: paramiko.Channel) -> None:
        """Take a piece of each stream: endless output must not prevent the check of the deadline."""
        if channel.recv_ready():
            self._stdout.feed(channel.recv(_CHUNK_BYTES))
            if line := _last_line(self._stdout.latest):
                self._heard(line)
        if channel.recv_stderr_ready():
            self._stderr.feed(channel.recv_stderr(_CHUNK_BYTES))

    def _close(self) -> None:
        for stream in (self._stdout, self._stderr):
            stream.close()
        for (code, _), (same, _) in zip(self._stdout.ended, self._stderr.ended, strict=False):
            if code != same:
                both = f"exit codes {code} and {same} of the same one"
                raise GarbledError(f"its output does not match our commands ({both})")

    def _met(self, word: str, number: int) -> None:
        self._times[word, number] = time.monotonic()
        if word == "begin":
            self._began(number)

    def _result(self, number: int, out: tuple[int, Kept], err: tuple[int, Kept]) -> Result:
        (code, stdout), (_, stderr) = out, err
        seconds = self._times["end", number] - self._times["begin", number]
        return Result(code, visible(stdout.text()), visible(stderr.text()), seconds, stdout.left_out + stderr.left_out)


def _last_line(data: bytes) -> str:
    """The last line that is not empty; programs overwrite their last line with a carriage return."""
    text = data.decode(errors="replace").replace("\r", "\n").rstrip()
    return visible(text.rpartition("\n")[2])
