"""The settings that a running daemon reports, as TOML: they may differ from its file, or be overridden."""

from __future__ import annotations

import tomllib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from provisioner.core.command import Command, Result
from provisioner.core.resource import Change
from provisioner.core.untrusted import visible

# The tables from the top level down to a key.
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name in words, its path, and the desired value."""

    what: str
    path: KeyPath
    value: str | bool | tuple[str, ...]

    def found(self, told: dict[str, Any]) -> str | bool | tuple[str, ...] | None:
        """Its value in a parsed configuration; None when it is missing."""
        value: Any = told
        for key in self.path:
            value = value.get(key) if isinstance(value, dict) else None
        return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """The daemon of `unit` has the desired settings; `ask` prints all its settings, or nothing if it does not run."""

    unit: str
    ask: Command
    desired: tuple[Setting, ...]

    @property
    def key(self) -> str:
        """`settings UNIT`."""
        return f"settings {self.unit}"

    def probe(self) -> Command:
        """What the daemon reports."""
        return self.ask

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Restart it, so that it reads its configuration; not if it is started or restarted anyway."""
        told = _read(seen.stdout)
        if not told or f"service {self.unit}" in changed:
            return None
        wrong = [(one, one.found(told)) for one in self.desired if one.found(told) != one.value]
        if not wrong:
            return None
        reasons = "; ".join(f"its {one.what} is {_shown(now)}, not {_shown(one.value)}" for one, now in wrong)
        lines = "".join(f"-{one.what} {_shown(now)}\n+{one.what} {_shown(one.value)}\n" for one, now in wrong)
        restart = Command(("systemctl", "restart", self.unit), timeout_s=180)
        return Change(f"restart {self.unit} ({reasons})", (restart,), diff=lines)


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _shown(value: object) -> str:
    """A value of any type, as the daemon reports it; TOML escapes may have become control characters."""
    if isinstance(value, tuple):
        return ", ".join(visible(str(one)) for one in value) or "empty"
    if isinstance(value, bool):
        return "on" if value else "off"
    return visible(str(value or "not set"))
