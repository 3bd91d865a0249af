"""Permissions of Kubernetes' files: only root may read keys and kubeconfigs, only root may change the others."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# Where kubeadm and the kubelet keep their configuration, keys and data.
PLACES = ("/etc/kubernetes", "/var/lib/kubelet/pki", "/var/lib/kubelet/config.yaml", "/var/lib/etcd")
# Kubeconfigs and keys, and static pods' manifests, which kubeadm writes with mode 0600 too.
_SECRET = re.compile(r"/etc/kubernetes/.*\.(conf|key|yaml)|/var/lib/kubelet/pki/.*\.(pem|key)")
_LINE = re.compile(r"([0-7]{1,4}) (\S+):(\S+) ([fd]) (/.+)")

# No symbolic links: their targets are listed themselves, or are not ours.
_PROBE = """
for place; do
  if [ -e "$place" ]; then find "$place" -maxdepth 3 '(' -type f -o -type d ')' -printf '%m %u:%g %y %p\\n'; fi
done
"""
# A directory comes before its content: after that no other user can replace a file with a link.
_NARROW = """
owner=$1; mode=$2; shift 2
for path; do
  if [ -e "$path" ] && [ ! -L "$path" ]; then chown -h -- "$owner" "$path"; chmod -- "$mode" "$path"; fi
done
"""


@dataclass(frozen=True, slots=True)
class _Inode:
    """A file or directory with its permissions."""

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
        """The same without excessive permissions: those of root stay unchanged."""
        narrowed = self.mode & ~(0o077 if self.secret else 0o022)
        return f"{narrowed:04o} root:{'root' if self.secret else self.group}"


@dataclass(frozen=True, slots=True)
class Modes:
    """Only root may read the keys or change anything. Permissions are only removed, and nothing is created."""

    places: tuple[str, ...] = PLACES

    @property
    def key(self) -> str:
        """`modes of Kubernetes' files`."""
        return "modes of Kubernetes' files"

    def probe(self) -> Command:
        """Mode, owner and type of all existing files and directories."""
        return shell(_PROBE, *self.places)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove excessive permissions."""
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
        return Change(f"restrict the permissions of {names} to root", commands, diff=lines)

    def _inodes(self, text: str) -> list[_Inode]:
        """In the order of their paths; a line with no path of ours is the rest of a name that has a newline."""
        found = (_LINE.fullmatch(line) for line in text.splitlines())
        rows = sorted((row for row in found if row and self._is_ours(row[5])), key=lambda row: row[5])
        return [
            _Inode(row[5], int(row[1], 8), row[2], row[3], row[4] == "f" and bool(_SECRET.fullmatch(row[5])))
            for row in rows
        ]

    def _is_ours(self, path: str) -> bool:
        return ".." not in path and any(path == place or path.startswith(f"{place}/") for place in self.places)
