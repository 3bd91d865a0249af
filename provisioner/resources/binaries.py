"""Binaries without a package: downloaded with a checksum, and recognised later by a note on the host."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.world.look import PROGRAMS

_FETCH_TIMEOUT_S = 1200
_ABSENT = "absent"
# The note's first line says what was downloaded, the others which files it contained; the files are checked each time.
_PROBE = """
note=$1/$2
if [ -e "$1/.$2" ]; then echo "an installation that was cut off"; fi
if [ ! -e "$note" ]; then echo "absent"; exit 0; fi
head -n 1 "$note"
tail -n +2 "$note" | sha256sum --check --quiet 2>/dev/null || :
tail -n +2 "$note" | while read -r hash file; do
  if [ "$(stat -c '%a %U:%G' -- "$file" 2>/dev/null)" != "755 root:root" ]; then echo "$file: not 755 root:root"; fi
done
"""
# apt-helper exists on every Debian and Ubuntu, uses apt's proxy, and keeps no file with another hash. Each file is
# written next to its destination and moved, and the note comes last: an interrupted installation is repeated.
_INSTALL = """
notes=$1 name=$2 version=$3 hash=$4 url=$5 into=$6
work=$notes/.$name
rm -rf -- "$work"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p -- "$work/files" "$into"
/usr/lib/apt/apt-helper -qq download-file "$url" "$work/download" "SHA256:$hash"
case $url in
  *.tgz | *.tar.gz) tar -xzf "$work/download" --no-same-owner -C "$work/files" ;;
  *) mv "$work/download" "$work/files/$name"; chmod 755 "$work/files/$name" ;;
esac
echo "$name $version $hash" >"$work/note"
for file in "$work/files"/*; do
  if [ -h "$file" ] || [ ! -f "$file" ] || [ ! -x "$file" ]; then continue; fi
  place=$into/${file##*/} new=$into/.${file##*/}.provisioner
  rm -f -- "$new"
  cp -- "$file" "$new"
  chown root:root -- "$new"
  chmod 755 -- "$new"
  sync -- "$new"
  sum=$(sha256sum <"$new")
  echo "${sum%% *}  $place" >>"$work/note"
  mv -fT -- "$new" "$place"
done
if [ "$(wc -l <"$work/note")" = 1 ]; then echo "$url contains no executable file" >&2; exit 1; fi
mv -fT -- "$work/note" "$notes/$name"
"""


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary, or the binaries of an archive, from `url`, with this SHA-256, installed into the directory `into`."""

    name: str
    version: str
    sha256: str
    url: str
    into: str = "/usr/bin"

    @property
    def key(self) -> str:
        """`binary NAME`."""
        return f"binary {self.name}"

    def probe(self) -> Command:
        """Its note, and whether its files are unchanged."""
        return shell(_PROBE, PROGRAMS, self.name)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Download and install it, if anything differs."""
        told = [line for line in seen.stdout.splitlines() if line != _ABSENT]
        noted = next((line for line in told if line.startswith(f"{self.name} ")), "")
        desired, wrong = f"{self.name} {self.version} {self.sha256}", [line for line in told if line != noted]
        if noted == desired and not wrong:
            return None
        words = (PROGRAMS, self.name, self.version, self.sha256, self.url, self.into)
        install = shell(_INSTALL, *words, timeout_s=_FETCH_TIMEOUT_S)
        lines = [*(f"-{line}" for line in told), f"+{desired}", f"+{self.into} (from {self.url})"]
        return Change(f"{self._verb(noted)} {self.name} {self.version}", (install,), diff="\n".join(lines) + "\n")

    def _verb(self, noted: str) -> str:
        if not noted:
            return "install"
        return "restore" if noted.split()[1] == self.version else "change"
