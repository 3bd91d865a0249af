"""Who may read and change Kubernetes' files: keys and kubeconfigs are root's alone, only root changes the others."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# Where kubeadm and the kubelet keep what they run on.
PLACES = ("/etc/kubernetes", "/var/lib/kubelet/pki", "/var/lib/kubelet/config.yaml", "/var/lib/etcd")
# Kubeconfigs and keys, and static pods' manifests, which kubeadm writes with mode 0600 too.
_SECRET = re.compile(r"/etc/kubernetes/.*\.(conf|key|yaml)|/var/lib/kubelet/pki/.*\.(pem|key)")
_LINE = re.compile(r"([0-7]{1,4}) (\S+):(\S+) ([fd]) (/.+)")

# No links: what they lead to is listed itself, or is none of our business.
_PROBE = """
for place; do
  if [ -e "$place" ]; then find "$place" -maxdepth 3 '(' -type f -o -type d ')' -printf '%m %u:%g %y %p\\n'; fi
done
"""
# A directory comes before what is in it: from then on nobody can put a link in a file's place.
_NARROW = """
owner=$1; mode=$2; shift 2
for path; do
  if [ -e "$path" ] && [ ! -L "$path" ]; then chown -h -- "$owner" "$path"; chmod -- "$mode" "$path"; fi
done
"""


@dataclass(frozen=True, slots=True)
class _Inode:
    """A file or directory that more may be done with than is good."""

    path: str
    mode: int
    user: str
    group: str
    secret: bool

    @property
    def now(self) -> str:
        """As the diff shows it."""
        return f"{self.mode:04o} {self.user}:{self.group}"

    @property
    def right(self) -> str:
        """The same with nothing more than it should have: what root may do stays as it is."""
        narrowed = self.mode & ~(0o077 if self.secret else 0o022)
        return f"{narrowed:04o} root:{'root' if self.secret else self.group}"


@dataclass(frozen=True, slots=True)
class Modes:
    """Nobody but root reads the keys or changes anything. Modes are narrowed only, and nothing is made."""

    places: tuple[str, ...] = PLACES

    @property
    def key(self) -> str:
        """`modes of Kubernetes' files`."""
        return "modes of Kubernetes' files"

    def probe(self) -> Command:
        """Mode, owner and kind of all that is there."""
        return shell(_PROBE, *self.places)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Narrow what is too wide."""
        wide = [inode for inode in self._inodes(seen.stdout) if inode.now != inode.right]
        if not wide:
            return None
        others = tuple(inode.path for inode in wide if not inode.secret)
        secrets = tuple(inode.path for inode in wide if inode.secret)
        commands = (
            *((shell(_NARROW, "root", "go-w", *others),) if others else ()),
            *((shell(_NARROW, "root:root", "go-rwx", *secrets),) if secrets else ()),
        )
        lines = "".join(f"-{inode.now} {inode.path}\n+{inode.right} {inode.path}\n" for inode in wide)
        names = f"{wide[0].path}{f' and {len(wide) - 1} more' if len(wide) > 1 else ''}"
        return Change(f"close {names} to others than root", commands, diff=lines)

    def _inodes(self, text: str) -> list[_Inode]:
        """In the order of their paths; a line that is not of our places is the rest of an odd name."""
        found = (_LINE.fullmatch(line) for line in text.splitlines())
        rows = sorted((row for row in found if row and self._is_ours(row[5])), key=lambda row: row[5])
        return [
            _Inode(row[5], int(row[1], 8), row[2], row[3], row[4] == "f" and bool(_SECRET.fullmatch(row[5])))
            for row in rows
        ]

    def _is_ours(self, path: str) -> bool:
        return ".." not in path and any(path == place or path.startswith(f"{place}/") for place in self.places)
