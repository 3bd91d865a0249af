"""A change as text, the way expected files hold it."""

from __future__ import annotations

import shlex

from provisioner.core.command import Command
from provisioner.core.resource import Change


def shown(change: Change | None) -> str:
    """Summary, commands with their input, and the diff."""
    if change is None:
        return "no change\n"
    lines = [f"summary: {change.summary}"]
    if change.waits_for:
        lines.append(f"waits for: {change.waits_for}")
    for command in change.commands:
        lines.append(f"$ {_line(command)}")
        lines += [f"  < {line}" for line in str(command.stdin).splitlines()]
    return "\n".join([*lines, *(f"  {line}" for line in change.diff.splitlines())]) + "\n"


def _line(command: Command) -> str:
    """A script is named by its first line; that it works is shown on a real machine (tests/e2e)."""
    if command.argv[:2] != ("/bin/sh", "-euc"):
        return shlex.join(command.argv)
    first, _, rest = command.argv[2].strip().partition("\n")
    return f"sh: {first}{' ...' if rest else ''} | {shlex.join(command.argv[4:])}".rstrip(" |")
