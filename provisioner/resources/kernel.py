"""Kernel modules, kernel settings and swap of the running kernel. Files make them last after a reboot."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.core.untrusted import visible

# A module that is built into the kernel is visible in only one of these places.
_MODULES = """
for name in "$@"; do
  if [ -d "/sys/module/$name" ] || grep -qsw "$name" /proc/filesystems; then echo "$name"
  elif [ "$name" = br_netfilter ] && [ -d /proc/sys/net/bridge ]; then echo "$name"
  elif grep -qs "/$name\\.ko" "/lib/modules/$(uname -r)/modules.builtin"; then echo "$name"
  fi
done
"""

# Each file, in the order of precedence of the directories, with its matching lines.
_AT_BOOT = """
for directory in /etc /run /usr/local/lib /usr/lib /lib; do
  for file in "$directory"/sysctl.d/*.conf; do
    if [ -e "$file" ]; then printf '\\nfile %s\\n' "$file"; grep -E -- "$1" "$file" || :; fi
  done
done
"""
# $1 is the file, the others are whole lines. A file of a package is not changed: a file of the same name in /etc hides
# it.
_COMMENT_OUT = """
file=$(readlink -f -- "$1"); shift
case $file in /etc/* | /run/*) to=$file ;; *) to=/etc/sysctl.d/$(basename -- "$file") ;; esac
new="$(dirname -- "$to")/.$(basename -- "$to").provisioner"
LINES_OUT=$(printf '%s\\n' "$@") awk '
  BEGIN { count = split(ENVIRON["LINES_OUT"], lines, "\\n"); for (i = 1; i <= count; i++) out[lines[i]] = 1 }
  $0 in out { $0 = "# " $0 "  # commented out by provisioner" }
  { print }' "$file" >"$new" || { rm -f -- "$new"; exit 1; }
chmod --reference="$file" -- "$new"
mv -fT -- "$new" "$to"
"""


@dataclass(frozen=True, slots=True)
class Modules:
    """These kernel modules are loaded, or built in."""

    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """`kernel modules`."""
        return "kernel modules"

    def probe(self) -> Command:
        """Which of them are in the kernel."""
        return shell(_MODULES, *self.names)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Load what is missing."""
        missing = tuple(name for name in self.names if name not in seen.stdout.split())
        if not missing:
            return None
        load = Command(("modprobe", "--all", *missing))
        lines = "".join(f"-{name} (not loaded)\n+{name}\n" for name in missing)
        return Change(f"load kernel modules {', '.join(missing)}", (load,), diff=lines)


@dataclass(frozen=True, slots=True)
class Sysctls:
    """The running kernel has these settings; `desired` is pairs of (name, value)."""

    desired: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """`kernel settings`."""
        return "kernel settings"

    def probe(self) -> Command:
        """Their current values; a setting that the kernel does not know prints no line."""
        return shell('for name in "$@"; do sysctl -e "$name" || :; done', *(name for name, _ in self.desired))

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Set those that differ."""
        now = {
            name.strip(): value.strip() for name, _, value in (line.partition("=") for line in seen.stdout.splitlines())
        }
        wrong = [(name, value) for name, value in self.desired if now.get(name) != value]
        if not wrong:
            return None
        diff = "".join(f"-{name} = {now.get(name, '(none)')}\n+{name} = {value}\n" for name, value in wrong)
        settings = tuple(f"{name}={value}" for name, value in wrong)
        return Change(f"set {', '.join(settings)}", (Command(("sysctl", "-w", *settings)),), diff=diff)


@dataclass(frozen=True, slots=True)
class SysctlsAtBoot:
    """No file that is read after `ours` (in /etc/sysctl.d) gives these settings other values at boot.

    sysctl.d(5): files are read in the order of their names, whatever their directory; a file hides those of the same
    name in directories that come later in this list. Debian reads /etc/sysctl.conf as 99-sysctl.conf.
    """

    desired: tuple[tuple[str, str], ...]
    ours: str

    @property
    def key(self) -> str:
        """`kernel settings at boot`."""
        return "kernel settings at boot"

    def probe(self) -> Command:
        """All files that are read at boot, and their lines about these settings."""
        names = "|".join(re.escape(name).replace(r"\.", "[./]") for name, _ in self.desired)
        return shell(_AT_BOOT, f"^[[:space:]]*-?[[:space:]]*({names})[[:space:]]*=")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Comment out the lines that would override ours; of a package's file, in a copy in /etc, which hides it."""
        undone = self._undone(seen.stdout)
        if not undone:
            return None
        commands = tuple(shell(_COMMENT_OUT, path, *lines) for path, lines in undone.items())
        shown = "".join(
            f"-{path}: {line}\n+{_changed(path)}: # {line}\n" for path, lines in undone.items() for line in lines
        )
        what = "comment out kernel settings that conflict with what Kubernetes needs"
        return Change(f"{what}, in {', '.join(undone)}", commands, diff=visible(shown))

    def _undone(self, text: str) -> dict[str, list[str]]:
        """By file, the lines that are read after ours and whose last value differs from ours."""
        later = [(path, line, *_setting(line)) for path, lines in self._read_later(text) for line in lines]
        last = {name: value for _, _, name, value in later}
        desired = dict(self.desired)
        undone: dict[str, list[str]] = {}
        for path, line, name, value in later:
            if last[name] != desired.get(name) != value:
                undone.setdefault(path, []).append(line)
        return undone

    def _read_later(self, text: str) -> list[tuple[str, list[str]]]:
        """(path, lines) of the files that are read after ours, in that order."""
        found: dict[str, tuple[str, list[str]]] = {}
        for part in text.split("\nfile ")[1:]:
            path, *lines = part.splitlines()
            found.setdefault(PurePosixPath(path).name, (path, [line for line in lines if line]))
        return [found[name] for name in sorted(found) if name > PurePosixPath(self.ours).name]


def _changed(path: str) -> str:
    """The file that is written: a copy in /etc hides a package's own file."""
    return path if path.startswith(("/etc/", "/run/")) else f"/etc/sysctl.d/{PurePosixPath(path).name}"


def _setting(line: str) -> tuple[str, str]:
    """Name and value; `-` before the name means that errors are ignored, and `/` may be used instead of `.`."""
    name, _, value = line.partition("=")
    return name.strip(" \t-").replace("/", "."), value.strip()


@dataclass(frozen=True, slots=True)
class SwapOff:
    """No swap now, and none after a reboot: the kubelet refuses to start with swap."""

    @property
    def key(self) -> str:
        """`swap`."""
        return "swap"

    def probe(self) -> Command:
        """Active swap, and lines of /etc/fstab that would enable it again."""
        return shell(
            "tail -n +2 /proc/swaps | awk '{ print \"active\", $1 }'; "
            'awk \'$1 !~ /^#/ && $3 == "swap" { print "fstab", $1 }\' /etc/fstab 2>/dev/null || :'
        )

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Switch it off and comment its lines out."""
        if not seen.stdout.strip():
            return None
        off = shell(
            "swapoff -a; if [ ! -e /etc/fstab ]; then exit 0; fi; new=/etc/.fstab.provisioner; "
            'awk \'$1 !~ /^#/ && $3 == "swap" { $0 = "# " $0 "  # switched off by provisioner" } { print }\' '
            '/etc/fstab >"$new"; chmod --reference=/etc/fstab "$new"; mv -fT "$new" /etc/fstab'
        )
        return Change(
            "switch swap off, now and after a reboot",
            (off,),
            diff="".join(f"-{line}\n" for line in seen.stdout.splitlines()) + "+no swap\n",
        )
