"""One way to run a program of this machine: argv in, output out, a readable error when it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence

from provisioner.core.untrusted import visible
from provisioner.errors import BuildError

LAST_LINES = 10


def last_lines(output: str, count: int = LAST_LINES) -> str:
    """The end of a program's output, where it says what went wrong, made visible."""
    return "\n".join(visible(output.strip()).splitlines()[-count:])


def run(argv: Sequence[str], *, timeout_s: float, hint: str = "") -> str:
    """Run `argv` without a terminal and return its output and errors as one text.

    Raises BuildError with the command and its last lines when it fails, is missing or takes too long.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    pasted = shlex.join(argv)
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=environment,
            check=False,
        )
    except FileNotFoundError as error:
        raise BuildError(f"{argv[0]} is not installed: {pasted}", hint=hint) from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"gave up after {timeout_s:.0f} s: {pasted}", hint=hint) from error
    if done.returncode != 0:
        message = f"exit code {done.returncode} from: {pasted}"
        raise BuildError(message, hint=hint, details=last_lines(done.stdout))
    return done.stdout
