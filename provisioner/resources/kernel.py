"""Kernel modules, kernel settings and swap: what the running kernel has now. That it lasts is a file's matter."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# A module that is built into the kernel shows in one of these places only.
_MODULES = """
for name in "$@"; do
  if [ -d "/sys/module/$name" ] || grep -qsw "$name" /proc/filesystems; then echo "$name"
  elif [ "$name" = br_netfilter ] && [ -d /proc/sys/net/bridge ]; then echo "$name"
  elif grep -qs "/$name\\.ko" "/lib/modules/$(uname -r)/modules.builtin"; then echo "$name"
  fi
done
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
        """Which of them the kernel has."""
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
    """The running kernel has these settings; `wished` is pairs of (name, value)."""

    wished: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """`kernel settings`."""
        return "kernel settings"

    def probe(self) -> Command:
        """Their values now; a setting that the kernel does not know gives no line."""
        return shell('for name in "$@"; do sysctl -e "$name" || :; done', *(name for name, _ in self.wished))

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Set those that differ."""
        now = {
            name.strip(): value.strip() for name, _, value in (line.partition("=") for line in seen.stdout.splitlines())
        }
        wrong = [(name, value) for name, value in self.wished if now.get(name) != value]
        if not wrong:
            return None
        diff = "".join(f"-{name} = {now.get(name, '(none)')}\n+{name} = {value}\n" for name, value in wrong)
        settings = tuple(f"{name}={value}" for name, value in wrong)
        return Change(f"set {', '.join(settings)}", (Command(("sysctl", "-w", *settings)),), diff=diff)


@dataclass(frozen=True, slots=True)
class SwapOff:
    """No swap now, and none after a reboot: the kubelet refuses to start beside it."""

    @property
    def key(self) -> str:
        """`swap`."""
        return "swap"

    def probe(self) -> Command:
        """Active swap, and lines of /etc/fstab that would bring it back."""
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
