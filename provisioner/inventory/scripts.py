"""Executable inventories: run with `--list`, and if that does not give the hosts' variables, with `--host NAME`."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

from provisioner.inventory import from_script, places, plain_values
from provisioner.inventory.statements import Contents, failure

# For all calls of a script together: a cloud's answer takes seconds.
TIMEOUT_S = 60.0
_LAST_LINES = 5


class ScriptError(Exception):
    """A script did not give an inventory: `message` says why, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        """The message includes the last lines that the script printed."""
        super().__init__(message)
        self.message, self.hint = message, hint


def read(script: Path, timeout_s: float = TIMEOUT_S) -> Contents:
    """All statements of a script."""
    deadline_s = time.monotonic() + timeout_s
    try:
        listing = _run(script, ("--list",), deadline_s)
        if isinstance(listing, dict) and from_script.META not in listing:
            names = from_script.hosts(listing)
            known = {name: _run(script, ("--host", name), deadline_s) for name in names}
            listing = {**listing, from_script.META: {"hostvars": known}}
    except ScriptError as error:
        return failure("script", str(script), error.message, error.hint)
    return from_script.read(listing, str(script))


def _run(script: Path, arguments: tuple[str, ...], deadline_s: float) -> object:
    """The JSON that a call prints; ScriptError when it prints none. No output of `--host` is an empty mapping."""
    call = " ".join((script.name, *arguments))
    try:
        code, output, said = _finished([str(script.absolute()), *arguments], deadline_s)
    except OSError as error:
        raise ScriptError(
            f"cannot be run: {error.strerror}", "check its first line: it must be #! and a program"
        ) from None
    except subprocess.TimeoutExpired:
        hint = "run it yourself to see what it waits for"
        raise ScriptError(f"`{call}` did not finish in time", hint) from None
    if code:
        words = _last_words(said) or "it printed no reason"
        raise ScriptError(f"`{call}` failed with exit code {code}: {words}", "run it yourself")
    return _json(output, call)


def _finished(argv: list[str], deadline_s: float) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and error. After the timeout its child processes end too: they would keep the pipe."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    with process:
        try:
            output, said = _printed(process, deadline_s)
            process.wait(_left_s(deadline_s))
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, output, said


def _printed(process: subprocess.Popen[bytes], deadline_s: float) -> list[bytes]:
    """Both outputs in full; ScriptError when one is too large to be an inventory."""
    pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe]
    printed = {pipe: bytearray() for pipe in pipes}
    while pipes:
        ready, _, _ = select.select(pipes, [], [], _left_s(deadline_s))
        if not ready or time.monotonic() > deadline_s:
            raise subprocess.TimeoutExpired(process.args, 0)
        for pipe in ready:
            data = os.read(pipe.fileno(), 2**16)
            printed[pipe] += data
            if not data:
                pipes.remove(pipe)
            if len(printed[pipe]) > places.MOST_BYTES:
                raise ScriptError(f"it prints more than {places.MOST_BYTES // 2**20} MiB", "run it yourself")
    return [bytes(data) for data in printed.values()]


def _left_s(deadline_s: float) -> float:
    return max(deadline_s - time.monotonic(), 0.01)


def _last_words(output: bytes) -> str:
    return " / ".join(output.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])


def _json(output: bytes, call: str) -> object:
    if not output.strip() and "--host" in call:
        return {}
    try:
        return plain_values.from_json(output)
    except ValueError as error:
        hint = "it must print the inventory as JSON on standard output, and everything else on standard error"
        raise ScriptError(f"`{call}` does not print JSON: {error}", hint) from None
