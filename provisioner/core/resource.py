"""A resource is the desired state of one thing on one host: `probe` says how to look, `diff` compares what was seen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from provisioner.core.command import Command, Result, shell

_MASK = "<masked>"
# `user:password@` in a URL; the value of a key whose name ends like a secret: in quotes, a list, or the whole rest.
_SECRET = re.compile(
    r"""(?P<address>://)[^/\s"'@]+@"""
    r"""|(?<![\w.-])(?P<key>["']?[\w.-]*(?:passw(?:or)?d|secret|token|auth|authorization|credentials?)["']?\s*[:=]\s*)"""
    r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\[[^]\n]*\]?|[^\s"'\[{][^\n]*)""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is different and how to fix it, as data. Each command is safe to repeat.

    `waits_for` names what is not known yet; such a change has no commands and is worked out when its turn comes.
    `own` marks what runs do for themselves (create and remove a join token, wait): it needs no agreement.
    `resets` marks a change that first removes what is on the host: it is made only if the agreed plan contains it.
    """

    summary: str
    commands: tuple[Command, ...] = ()
    diff: str = ""
    waits_for: str = ""
    own: bool = False
    resets: bool = False


class Resource(Protocol):
    """The desired state of one thing on one host."""

    @property
    def key(self) -> str:
        """What it describes, unique on its host: `file /etc/hosts`."""
        ...

    def probe(self) -> Command:
        """The command that reads the state: read-only, cheap, and not failing because something is missing."""
        ...

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Compare; None when nothing differs. `changed` holds the keys of the resources that this plan changes."""
        ...


@dataclass(frozen=True, slots=True)
class Later:
    """A desired state whose content is not known yet: its place in the plan, for what is worked out during the run."""

    key: str
    summary: str
    waits_for: str

    def probe(self) -> Command:
        """There is nothing to read."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Always a change, without commands."""
        return Change(self.summary, waits_for=self.waits_for)


def text_diff(before: str, after: str, name: str) -> str:
    """A unified diff of two texts; empty when they are equal. Secrets in the existing text are masked."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"{name} (now)", f"{name} (desired)"
    )
    shown = (line if line.startswith("+") else masked(line) for line in lines)
    return "".join(line if line.endswith("\n") else line + "\n" for line in shown)


def masked(line: str) -> str:
    """A line of a file that other software or people wrote, without passwords, tokens and logins in URLs."""
    return _SECRET.sub(
        lambda found: f"{found['address'] or found['key']}{_MASK}{'@' if found['address'] else ''}", line
    )
