"""Other definitions of a package source, left by earlier installations: a dead one breaks every `apt-get update`, and
one with another key for the same URL makes apt refuse both.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# A definition is one line in a .list file, one paragraph in a .sources file (sources.list(5)); comments do not count.
_EACH = r"""
own=$1 marks=$2
each() {
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    if [ ! -f "$file" ] || [ "$file" = "$own" ]; then continue; fi
    case $file in *.sources) apart= ;; *) apart='\n' ;; esac
    "$@" "$file"
  done
}
cut_out() {
  awk -v RS="$apart" -v marks="$marks" -v file="$2" -v show="$1" '
    function meant(text, number, mark, at) {
      gsub(/(^|\n)[ \t]*#[^\n]*/, "", text)
      number = split(marks, mark, "|")
      for (at = 1; at <= number; at++) if (index(text, mark[at])) return 1
      return 0
    }
    meant($0) && show { print file ": " $0 }
    !meant($0) && !show { print $0 (RS == "" ? "\n" : "") }' "$2"
}
"""
_PROBE = _EACH + "each cut_out 1\n"
_REMOVE = (
    _EACH
    + r"""
clean() {
  if [ -z "$(cut_out 1 "$1")" ]; then return 0; fi
  new="${1%/*}/.provisioner-sources"
  cut_out "" "$1" >"$new"
  chmod 644 "$new"
  if grep -qE '^[ \t]*(deb|Types:)' "$new"; then mv -f "$new" "$1"; else rm -f "$new" "$1"; fi
}
each clean
"""
)


@dataclass(frozen=True, slots=True)
class OtherSources:
    """No file of apt except `own` defines a source with one of these `marks` (parts of a URL or of a line).

    `product` names what the source provides.
    """

    product: str
    own: str
    marks: tuple[str, ...]

    @property
    def key(self) -> str:
        """`other sources of PRODUCT`."""
        return f"other sources of {self.product}"

    def probe(self) -> Command:
        """The definitions, each line or paragraph with its file."""
        return shell(_PROBE, self.own, "|".join(self.marks))

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove them; a file that defines nothing else is deleted."""
        lines = [line for line in seen.stdout.splitlines() if line]
        if not lines:
            return None
        files = dict.fromkeys(line.partition(": ")[0] for line in lines if line.startswith("/etc/apt/"))
        remove = shell(_REMOVE, self.own, "|".join(self.marks))
        summary = f"remove other sources of {self.product}: {', '.join(files)}"
        return Change(summary, (remove,), diff="".join(f"-{line}\n" for line in lines))
