"""How a machine measures its ways to others: one script for all of them at once, and what it answers.

It takes `ping`, which Debian's minimal system may lack, and which firewalls may swallow. What is left then is to knock
at a port: an answer of any kind, a refusal too, proves the way, and the largest packet stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from provisioner.core.command import Command, Result, shell
from provisioner.core.network import Way

# An IPv4 packet is never cut below that (RFC 791), and so much of a ping's is not payload: 20 bytes IP, 8 bytes ICMP.
_LEAST_MTU = 68
_HEADERS = 28
# Ten halvings of a second or two each, where what is too large is swallowed in silence.
_TIMEOUT_S = 90

_FOUND = re.compile(r"(\d+(?:\.\d+){3}) (lost|reached|\d+)")
_MEASURE = """
least=$1 headers=$2; shift 2
passes() { ping -n -q -c 2 -i 0.2 -W 1 -M do -s "$(($2 - headers))" "$1" >/dev/null 2>&1; }
knocks() {
  if said=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1); then return 0; fi
  case $said in *refused*) return 0 ;; esac
  return 1
}
measure() {
  if ! passes "$1" "$least"; then
    if knocks "$1" "$3"; then echo "$1 reached"; else echo "$1 lost"; fi
  elif passes "$1" "$2"; then
    echo "$1 $2"
  else
    low=$least high=$2
    while [ $((high - low)) -gt 1 ]; do
      middle=$(((low + high) / 2))
      if passes "$1" "$middle"; then low=$middle; else high=$middle; fi
    done
    echo "$1 $low"
  fi
}
while [ $# -ge 3 ]; do
  measure "$1" "$2" "$3" &
  shift 3
done
wait
"""


@dataclass(frozen=True, slots=True)
class Target:
    """An address to try, the largest packet that can be hoped for, in bytes, and a port to knock at if need be."""

    address: IPv4Address
    mtu: int
    port: int


def measure(targets: Iterable[Target]) -> Command:
    """Try all of them at once. Nothing is changed, and nothing has to be installed for it."""
    words = (word for one in targets for word in (str(one.address), str(one.mtu), str(one.port)))
    return shell(_MEASURE, str(_LEAST_MTU), str(_HEADERS), *words, timeout_s=_TIMEOUT_S)


def read_ways(seen: Result) -> dict[IPv4Address, Way]:
    """What was found out, by address; a line that cannot be read tells nothing."""
    rows = (_FOUND.fullmatch(line) for line in seen.stdout.splitlines())
    return {IPv4Address(row[1]): _way(row[2]) for row in rows if row}


def _way(word: str) -> Way:
    return Way(reached=word != "lost", mtu=int(word) if word.isdigit() else None)
