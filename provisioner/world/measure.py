"""How a host measures its paths to other hosts: one script for all of them at once, and how its output is read.

It uses `ping`, which Debian's minimal system may lack, and which firewalls may drop. Then a port is probed instead: any
answer, also a refusal, proves that the host can be reached, and the path MTU stays unknown. The ports that the cluster
needs are probed at the same time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from provisioner.catalog.networks import Port
from provisioner.core import untrusted
from provisioner.core.command import Command, Result, shell
from provisioner.world.network import Passage, Way
from provisioner.world.port_probe import PORT_PROBE

# Every IPv4 network passes packets of this size (RFC 791). Not payload in a ping's packet: 20 bytes IP, 8 bytes ICMP.
_LEAST_MTU = 68
_HEADERS = 28
# Ten halvings of one or two seconds each, where packets that are too large are dropped silently.
_TIMEOUT_S = 90

_FOUND = re.compile(r"([0-9.]{7,15}) (lost|reached|[0-9]{1,5})")
_PORT = re.compile(rf"([0-9.]{{7,15}}) ((?:TCP|UDP|IP protocol) [0-9]{{1,5}}): ({'|'.join(Passage)})")
_MEASURE = """
least=$1 headers=$2 port_probe=$3; shift 3
passes() { ping -n -q -c 2 -i 0.2 -W 1 -M do -s "$(($2 - headers))" "$1" >/dev/null 2>&1; }
answers() {
  if said=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1); then return 0; fi
  case $said in *refused*) return 0 ;; esac
  return 1
}
measure() {
  if ! passes "$1" "$least"; then
    if answers "$1" "$3"; then echo "$1 reached"; else echo "$1 lost"; fi
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
perl -e "$port_probe" "$@" 2>/dev/null &
while [ $# -ge 4 ]; do
  measure "$1" "$2" "$3" &
  shift 4
done
wait
"""


@dataclass(frozen=True, slots=True)
class Target:
    """An address to try, the largest path MTU to expect, in bytes, and a port to probe when ping fails.

    `needs` are the ports that have to pass to it.
    """

    address: IPv4Address
    mtu: int
    port: int
    needs: tuple[Port, ...] = ()

    @property
    def words(self) -> tuple[str, str, str, str]:
        """The arguments for the script."""
        return str(self.address), str(self.mtu), str(self.port), ",".join(str(port) for port in self.needs)


def measure(targets: Iterable[Target]) -> Command:
    """Try all targets at once. Nothing is changed, and nothing has to be installed for it."""
    words = (word for one in targets for word in one.words)
    return shell(_MEASURE, str(_LEAST_MTU), str(_HEADERS), PORT_PROBE, *words, timeout_s=_TIMEOUT_S)


def read_ways(seen: Result) -> dict[IPv4Address, Way]:
    """The results, by address; a line that cannot be read is ignored."""
    lines = seen.stdout.splitlines()
    ports: dict[IPv4Address, dict[str, Passage]] = defaultdict(dict)
    for address, row in _rows(_PORT, lines):
        ports[address][row[2]] = Passage(row[3])
    return {address: _way(row[2], ports[address]) for address, row in _rows(_FOUND, lines)}


def _rows(pattern: re.Pattern[str], lines: Iterable[str]) -> Iterator[tuple[IPv4Address, re.Match[str]]]:
    for row in filter(None, map(pattern.fullmatch, lines)):
        for address in untrusted.fitting(untrusted.address, [row[1]]):
            yield address, row


def _way(word: str, ports: dict[str, Passage]) -> Way:
    return Way(reached=word != "lost", mtu=int(word) if word.isdigit() else None, ports=ports)
