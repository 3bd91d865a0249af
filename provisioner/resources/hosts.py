"""A name that can be resolved: written into /etc/hosts on hosts that cannot resolve it, and only there."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change, text_diff

PATH = "/etc/hosts"
# A name server that does not answer is waited for no longer than this.
_PATIENCE_S = "10"
_LOOKED_UP = 'timeout "$2" getent ahostsv4 "$1" | awk \'!known[$1]++ { print $1 }\''
# The name is removed from lines such as `127.0.1.1 NAME`: getaddrinfo(3) puts a loopback address before all others, in
# whatever line it is (RFC 6724, rule 8). A file that a container engine has mounted cannot be replaced, so it is
# overwritten in place.
_WRITE = """
umask 022
{ printf '%s %s # provisioner\\n' "$2" "$3"; cat -- "$1" 2>/dev/null || :; } | awk -v name="$3" '
  NR > 1 && / # provisioner$/ { next }
  $1 ~ /^127\\./ {
    line = $1; known = 0
    for (i = 2; i <= NF; i++) if ($i == name) known = 1; else line = line " " $i
    if (known) { if (line != $1) print line; next }
  }
  { print }' >"$1.provisioner"
mv -fT -- "$1.provisioner" "$1" 2>/dev/null || { cat -- "$1.provisioner" >"$1"; rm -f -- "$1.provisioner"; }
"""


@dataclass(frozen=True, slots=True)
class Named:
    """The name can be resolved, and does not resolve to the host's own loopback address."""

    name: str
    address: str

    @property
    def key(self) -> str:
        """`name NAME`."""
        return f"name {self.name}"

    def probe(self) -> Command:
        """All IPv4 addresses that the host resolves it to, from files or name servers; the first one counts."""
        return shell(_LOOKED_UP, self.name, _PATIENCE_S)

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Write a line, if the name does not resolve, or resolves to a loopback address."""
        found = seen.stdout.split()
        if found and not IPv4Address(found[0]).is_loopback:
            return None
        line = f"{self.address} {self.name} # provisioner\n"
        now = f"it resolves to {', '.join(found)} there" if found else "it does not resolve there"
        summary = f"write {self.name} into {PATH} ({now})"
        diff = text_diff("".join(f"{address} {self.name}\n" for address in found), line, PATH)
        return Change(summary, (shell(_WRITE, PATH, self.address, self.name),), diff=diff)
