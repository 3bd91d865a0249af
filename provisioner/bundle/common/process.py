"""Commands of a build: output goes to the stage's log, the newest line to the listener, and an error has the command,
its last ten lines and the path of the log. A command never outlives this program.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from provisioner.core.report import Listener, Waiting
from provisioner.core.untrusted import visible
from provisioner.errors import BuildError

SPEAKER = "bundle"
SHOWN_EVERY_S = 2.0
SHOWN_CHARACTERS = 100
TAIL_LINES = 10
# The kernel ends the command when this program dies (even by SIGKILL), and all that it started, as it is the
# first process of its own PID namespace. Its mounts are in its own mount namespace and vanish with it.
NAMESPACES = ("--mount", "--propagation", "private", "--pid", "--mount-proc")
# This part needs no root: it ends only the command itself.
ENDED_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
CONTAINED = (*ENDED_WITH_US, *("unshare", *NAMESPACES, "--fork", "--kill-child", "--"))


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the commands of one stage: `log` is its file, `listen` receives the progress, `inside` goes before each."""

    log: Path
    listen: Listener
    inside: tuple[str, ...] = CONTAINED

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Run to the end; BuildError when it fails. `env` replaces the environment."""
        with self.log.open("a", encoding="utf-8") as log:
            print_to(log, f"$ {shlex.join(argv)}")
            process = self._start(argv, env, subprocess.STDOUT)
            self._finish(argv, process, self._watched(process, log))

    def read(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> str:
        """Run to the end and return its standard output; BuildError when it fails."""
        with self.log.open("a", encoding="utf-8") as log:
            print_to(log, f"$ {shlex.join(argv)}")
            process = self._start(argv, env, log)
            return "".join(self._finish(argv, process, _lines(process)))

    def _start(
        self, argv: Sequence[str], env: Mapping[str, str] | None, stderr: int | IO[str]
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.inside, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            env=env,
            start_new_session=True,
        )

    def _watched(self, process: subprocess.Popen[str], log: IO[str]) -> Iterable[str]:
        shown_at_s = time.monotonic()
        for line in map(visible, _lines(process)):
            print_to(log, line.rstrip())
            if line.strip() and time.monotonic() - shown_at_s > SHOWN_EVERY_S:
                shown_at_s = time.monotonic()
                self.listen(Waiting(SPEAKER, line.strip()[:SHOWN_CHARACTERS]))
            yield line

    def _finish(self, argv: Sequence[str], process: subprocess.Popen[str], lines: Iterable[str]) -> list[str]:
        try:
            output = list(lines)
            exit_code = process.wait()
        finally:
            process.kill()
            process.wait()
        if exit_code != 0:
            tail = visible("".join(output[-TAIL_LINES:])).rstrip()
            raise BuildError(
                f"building the bundle failed: `{shlex.join(argv)}` ended with {exit_code}",
                details=tail or _last_lines(self.log),
                hint=f"The whole output is in {self.log}. Run the same command again: finished stages are kept.",
            )
        return output


def print_to(log: IO[str], line: str) -> None:
    """One line into a log, at once, so that a killed build's log is complete."""
    log.write(line + "\n")
    log.flush()


def _lines(process: subprocess.Popen[str]) -> Iterable[str]:
    assert process.stdout is not None  # noqa: S101 - Popen was given a pipe
    with process.stdout:
        yield from process.stdout


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
