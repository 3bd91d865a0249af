"""Packages of the distribution: tools that must be installed, at any version, and packages that must not be."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.apt import INSTALL, apt, lists_renewed
from provisioner.resources.packages import packages_free

_PROBE = "dpkg-query --show --showformat '${Package} ${db:Status-Abbrev}\\n' \"$@\" 2>/dev/null || :"


def _installed(seen: Result) -> set[str]:
    rows = (line.split() for line in seen.stdout.splitlines())
    return {row[0] for row in rows if len(row) > 1 and row[1][1] == "i"}


@dataclass(frozen=True, slots=True)
class Tools:
    """These packages of the distribution, at any version and not held, so that they get security updates."""

    title: str
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """`tools TITLE`."""
        return f"tools {self.title}"

    def probe(self) -> Command:
        """Which of them are there."""
        return shell(_PROBE, *self.names)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Install what is missing."""
        there = _installed(seen)
        missing = tuple(name for name in self.names if name not in there)
        if not missing:
            return None
        lines = "".join(f"+{name} (from the distribution)\n" for name in missing)
        commands = (packages_free(), lists_renewed(*missing), apt(*INSTALL, *missing))
        return Change(f"install {', '.join(missing)} from the distribution", commands, diff=lines)


@dataclass(frozen=True, slots=True)
class PackagesGone:
    """These packages are not installed: they conflict with `instead`, which replaces them."""

    names: tuple[str, ...]
    instead: str

    @property
    def key(self) -> str:
        """`packages without NAMES`."""
        return f"packages without {', '.join(self.names)}"

    def probe(self) -> Command:
        """Which of them are there."""
        return shell(_PROBE, *self.names)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove them, but keep their configuration."""
        there = _installed(seen)
        present = tuple(name for name in self.names if name in there)
        if not present:
            return None
        remove = apt("remove", "--allow-change-held-packages", *present)
        summary = f"remove {', '.join(present)} (conflict with {self.instead})"
        return Change(summary, (packages_free(), remove), diff="".join(f"-{name}\n" for name in present))
