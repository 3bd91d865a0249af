"""Files with content, owner and mode; files that must not exist; copies of a file that only the host has."""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change, text_diff
from provisioner.core.untrusted import visible
from provisioner.inventory.values import Secret
from provisioner.world.look import KEPT

# The content of a secret file stays on the host: only its hash is read.
_PROBE = """
if [ ! -e "$1" ]; then echo absent; exit 0; fi
stat -c '%a %U:%G' -- "$1"
if [ "$2" = secret ]; then sha256sum <"$1"; else cat -- "$1"; fi
"""

# Written next to its destination and moved, so that no process ever sees half a file; its mode is set before it has
# content. The temporary name is always the same: a file that a killed run left is removed first, whatever its mode.
_WRITE = """
mkdir -p -- "$(dirname -- "$1")"
new="$(dirname -- "$1")/.$(basename -- "$1").provisioner"
rm -f -- "$new"
(umask 077; cat >"$new") || { rm -f -- "$new"; exit 1; }
chown -- "$3" "$new"
chmod -- "$2" "$new"
mv -fT -- "$new" "$1"
"""


# Keeps the first original only: later runs, also after one that was killed here, leave the copy alone.
_KEEP = """
kept="$1KEPT"
if [ -e "$kept" ] || [ ! -e "$1" ]; then exit 0; fi
new="$(dirname -- "$1")/.$(basename -- "$1").provisioner"
rm -f -- "$new"
cp -p -- "$1" "$new"
sync -- "$new"
mv -nT -- "$new" "$kept"
""".replace("KEPT", KEPT)


@dataclass(frozen=True, slots=True)
class File:
    """A file with this content. A `Secret` content is never shown, is compared by hash, and needs mode 0600.

    `keeps`: the existing file is not ours, and a copy of it is kept next to it as `*.before-provisioner`, once.
    """

    path: str
    content: str | Secret
    mode: int = 0o644
    owner: str = "root:root"
    keeps: bool = False

    @property
    def key(self) -> str:
        """`file PATH`."""
        return f"file {self.path}"

    def probe(self) -> Command:
        """Mode, owner, and content (or its hash)."""
        return shell(_PROBE, self.path, "secret" if isinstance(self.content, Secret) else "text")

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Create, rewrite, or correct owner and mode."""
        head, _, body = seen.stdout.partition("\n")
        desired_head = f"{self.mode:o} {self.owner}"
        if head.strip() == "absent":
            return self._write(f"create {self.path} ({self.mode:04o})", "")
        if body != self._comparable():
            kept = f", and keep the existing file as {self.path.rpartition('/')[2]}{KEPT}" if self.keeps else ""
            return self._write(f"change {self.path}{kept}", body)
        if head != desired_head:
            fix = shell('chown -- "$3" "$1"; chmod -- "$2" "$1"', self.path, f"{self.mode:o}", self.owner)
            return Change(f"set {self.path} to {desired_head} (is {head})", (fix,), diff=f"-{head}\n+{desired_head}\n")
        return None

    def _comparable(self) -> str:
        """The content in the form of a host's answer: with control characters escaped."""
        if isinstance(self.content, Secret):
            return hashlib.sha256(self.content.reveal().encode()).hexdigest() + "  -\n"
        return visible(self.content)

    def _write(self, summary: str, before: str) -> Change:
        write = shell(_WRITE, self.path, f"{self.mode:o}", self.owner, stdin=self.content)
        commands = (shell(_KEEP, self.path), write) if self.keeps else (write,)
        if isinstance(self.content, Secret):
            return Change(summary, commands, diff=f"(content not shown: {self.content})\n")
        return Change(summary, commands, diff=text_diff(before, self._comparable(), self.path))


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory with this mode and owner; its content is not changed."""

    path: str
    mode: int = 0o755
    owner: str = "root:root"

    @property
    def key(self) -> str:
        """`directory PATH`."""
        return f"directory {self.path}"

    def probe(self) -> Command:
        """Mode and owner."""
        return shell('if [ -d "$1" ]; then stat -c "%a %U:%G" -- "$1"; fi', self.path)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Create it, or correct mode and owner."""
        now, desired = seen.stdout.strip(), f"{self.mode:o} {self.owner}"
        if now == desired:
            return None
        script = 'mkdir -p -- "$1"; chown -- "$3" "$1"; chmod -- "$2" "$1"'
        make = shell(script, self.path, f"{self.mode:o}", self.owner)
        lines = f"-{now}\n+{desired}\n" if now else f"+{desired}\n"
        return Change(f"{'set' if now else 'create'} {self.path}/ ({self.mode:04o})", (make,), diff=lines)


@dataclass(frozen=True, slots=True)
class NothingElse:
    """A directory, if it exists, contains no other files than these."""

    path: str
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """`other files in PATH`."""
        return f"other files in {self.path}"

    def probe(self) -> Command:
        """The names in it."""
        return shell('if [ -d "$1" ]; then ls -A1 -- "$1"; fi', self.path)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove the others."""
        others = sorted(set(seen.stdout.splitlines()) - set(self.names))
        if not others:
            return None
        remove = shell('directory=$1; shift; for name; do rm -f -- "$directory/$name"; done', self.path, *others)
        return Change(
            f"remove other files in {self.path}", (remove,), diff="".join(f"-{self.path}/{name}\n" for name in others)
        )


@dataclass(frozen=True, slots=True)
class Absent:
    """A file that must not exist."""

    path: str

    @property
    def key(self) -> str:
        """`file PATH`."""
        return f"file {self.path}"

    def probe(self) -> Command:
        """Whether it exists."""
        return shell('if [ -e "$1" ]; then echo present; fi', self.path)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove it."""
        if not seen.stdout.strip():
            return None
        return Change(f"remove {self.path}", (shell('rm -f -- "$1"', self.path),), diff=f"-{self.path}\n")


# A kubeconfig for this cluster alone is an older copy of ours: its only CA is the CA of the source.
_PROBE_COPY = """
if [ ! -e "$2" ]; then echo absent; exit 0; fi
if cmp -s -- "$1" "$2"; then stat -c '%a %U' -- "$2"; exit 0; fi
authority() { sed -nE 's/^[ -]*certificate-authority(-data)?: *//p' "$1" 2>/dev/null || :; }
ours=$(authority "$1")
if [ -e "$2KEPT" ] || [ "${ours:-none}" = "$(authority "$2")" ]; then echo differs; else echo other; fi
""".replace("KEPT", KEPT)
_COPY = """
directory=$(dirname -- "$2")
install -d -m 0700 -o "$3" -g "$(id -gn -- "$3")" -- "$directory"
install -m 0600 -o "$3" -g "$(id -gn -- "$3")" -- "$1" "$2.provisioner"
mv -fT -- "$2.provisioner" "$2"
"""


@dataclass(frozen=True, slots=True)
class PrivateCopy:
    """A copy, for `user` alone (0600), of a file that only the host has, such as its admin.conf."""

    source: str
    path: str
    user: str

    @property
    def key(self) -> str:
        """`copy PATH`."""
        return f"copy {self.path}"

    def probe(self) -> Command:
        """Whether the copy is equal and its owner and mode are right; or is of another cluster, and not kept yet."""
        return shell(_PROBE_COPY, self.source, self.path)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Copy it again, through a private temporary file; the file of another cluster is kept."""
        now = seen.stdout.strip()
        if now == f"600 {self.user}":
            return None
        copy = shell(_COPY, self.source, self.path, self.user)
        kept = f", and keep the existing file as {self.path.rpartition('/')[2]}{KEPT}" if now == "other" else ""
        return Change(
            f"copy {self.source} to {self.path} (0600, {self.user}){kept}",
            (shell(_KEEP, self.path), copy) if kept else (copy,),
            diff=f"-{self.path}: {now}\n+{self.path}: 600 {self.user}, as {self.source}\n",
        )
