"""A resource is a wish for one host: `probe` says how to look, `diff` compares what was seen with the wish."""

from __future__ import annotations

import difflib
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from provisioner.core.command import Command, Result, shell

_MASK = "<masked>"
# `user:password@` of an address; what stands under a key that ends like a secret: in quotes, a list, or the whole rest.
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
    `own` is what runs do for themselves (bring a join token and take it away, wait): nobody has to agree to that.
    `resets` takes away what is on the machine first: such a step is done only when the plan has it.
    """

    summary: str
    commands: tuple[Command, ...] = ()
    diff: str = ""
    waits_for: str = ""
    own: bool = False
    resets: bool = False


class Resource(Protocol):
    """A wish for one host."""

    @property
    def key(self) -> str:
        """What it is about, unique on its host: `file /etc/hosts`."""
        ...

    def probe(self) -> Command:
        """How to look: read-only, cheap, and never failing because something is not there yet."""
        ...

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Compare; None when all is well. `changed` holds the keys of the resources that this plan changes."""
        ...


@dataclass(frozen=True, slots=True)
class Later:
    """A wish whose content is not known yet: it stands in a plan for what will be decided on the way."""

    key: str
    summary: str
    waits_for: str

    def probe(self) -> Command:
        """There is nothing to look at."""
        return shell(":")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Always a change, without commands."""
        return Change(self.summary, waits_for=self.waits_for)


def text_diff(before: str, after: str, name: str) -> str:
    """A unified diff of two texts; empty when they are equal. Secrets in what is there already are masked."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"{name} (now)", f"{name} (wished)"
    )
    told = (line if line.startswith("+") else masked(line) for line in lines)
    return "".join(line if line.endswith("\n") else line + "\n" for line in told)


def masked(line: str) -> str:
    """A line of a file that somebody else has written, without passwords, tokens and logins in addresses."""
    return _SECRET.sub(
        lambda found: f"{found['address'] or found['key']}{_MASK}{'@' if found['address'] else ''}", line
    )
