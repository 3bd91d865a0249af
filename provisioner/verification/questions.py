"""The scripts with which pods and hosts test the network, each for all targets of one source at the same time.

Their arguments are `NAME ADDRESS:PORT PATTERN open|closed` for each target; they print lines of `NAME ok|failed text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A Service's rules reach the nodes about a second after its pods are ready, and a policy takes as long; on a busy host
# it takes several seconds.
PATIENCE_S = 10
# nc and not wget, which in Debian's static busybox has no timeout; any HTTP answer will do.
_FROM_POD = r"""
get() { printf 'GET / HTTP/1.0\r\n\r\n' | timeout 4 nc -w 2 "${1%:*}" "${1##*:}" 2>&1; }
"""
# HTTP without a client, for hosts that have none.
_FROM_MACHINE = r"""
get() {
  get='exec 3<>"/dev/tcp/${1%:*}/${1##*:}" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && cat <&3'
  timeout 2 bash -c "$get" ask "$1" 2>&1 | grep . | sed 's/^ask: //'
}
"""
_ASK = r"""
ask() {
  end=$(($(date +%s) + PATIENCE_S))
  while :; do
    answer=$(get "$2")
    said=$(echo "$answer" | tail -n 1 | tr -d '\r')
    case $answer in
      HTTP/*) seen=closed text="${said:-another server} answered instead of $3" ;;
      *) seen=closed text=$(echo "${answer:-no answer in 2 s}" | head -n 1) ;;
    esac
    case $said in $3) seen=open text=$said ;; esac
    if [ "$seen" = "$4" ]; then echo "$1 ok $text"; return; fi
    if [ "$(date +%s)" -ge "$end" ]; then echo "$1 failed $text"; return; fi
    sleep 0.5
  done
}
while [ $# -gt 0 ]; do ask "$1" "$2" "$3" "$4" & shift 4; done
wait
""".replace("PATIENCE_S", str(PATIENCE_S))
FROM_POD = _FROM_POD + _ASK
FROM_MACHINE = _FROM_MACHINE + _ASK
# $1: the name of the answer; $2: the name to look up; $3: the address that it must have, or nothing for any address.
# The server's own address stands before the first `Name:`. The IPv4 or the IPv6 address may be unknown: one is enough.
LOOK_UP = r"""
said=$(timeout 8 nslookup "$2" 2>&1)
seen=$(echo "$said" | sed -n '/^Name:/,$s/^Address[^:]*: *\([0-9a-f.:]*\).*/\1/p' | tr '\n' ' ')
desired=${3:+ $3 }
case " $seen" in
  " ") echo "$1 failed $2: $(echo "${said:-no answer in 8 s}" | grep -v '^Server:\|^Address:\|^$' | head -n 1)" ;;
  *"${desired:- }"*) echo "$1 ok" ;;
  *) echo "$1 failed $2 is ${seen% } and not $3" ;;
esac
"""
# The path MTU from a pod, measured with the host's own ping in the pod's network namespace.
# $1: the pod's name; then pairs NAME ADDRESS. 28 bytes are the headers of IP and ICMP. A target that answers no ping
# at all gives no line, nor does a host without ping(8): that says nothing about sizes.
# The sizes below the pod's own MTU are those that links and tunnels usually leave.
LARGEST = r"""
PATH=$PATH:/usr/sbin:/sbin
pid=$(grep -lsxz "POD_NAME=$1" /proc/[0-9]*/environ | head -n 1); pid=${pid#/proc/}; pid=${pid%/environ}; shift
[ -n "$pid" ] && command -v ping nsenter ip >/dev/null || exit 0
within() { nsenter --target "$pid" --net "$@" 2>/dev/null; }
passes() { within ping -q -n -c "$3" -i 0.2 -W 1 -M do -s $(($2 - 28)) "$1" >/dev/null; }
own=$(within ip -o -4 route get "$2" | sed -n 's/.* dev \([^ ]*\) .*/\1/p')
own=$(within ip -o link show dev "$own" | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
[ -n "$own" ] || exit 0
measure() {
  if passes "$2" "$own" 2; then echo "$1 ok $own"; return; fi
  passes "$2" 84 2 || return
  set -- "$1" "$2" 84 576 800 1000 1200 1280 1300 1350 1370 1376 1380 1390 1400 1410 1420 1430 1440 1450 1460 1462 \
    1472 1476 1480 1492 1500 3900 4000 8000 8500 8900 8950 9000
  name=$1 target=$2 low=1 high=2; shift 2
  while [ $high -le $# ] && [ "${!high}" -lt "$own" ]; do high=$((high + 1)); done
  while [ $((high - low)) -gt 1 ]; do
    middle=$(((low + high) / 2))
    if passes "$target" "${!middle}" 1; then low=$middle; else high=$middle; fi
  done
  echo "$name failed packets as large as the pod's MTU ($own bytes) do not arrive, packets of ${!low} bytes do"
}
while [ $# -gt 0 ]; do measure "$1" "$2" & shift 2; done
wait
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask: a name for the answer, `address:port`, a pattern for its text, and whether it must not answer.

    Without a pattern any HTTP server would pass: where a Service is not known yet, a proxy on the way may answer.
    """

    name: str
    address: str
    says: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A name to look up, and the address that it must have; empty for any address."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a target; `text` is what it said, or the error."""

    target: str
    ok: bool
    text: str


def arguments(targets: Iterable[Target]) -> list[str]:
    """The targets as a script takes them."""
    rows = ((target.name, target.address, target.says, "closed" if target.closed else "open") for target in targets)
    return [item for row in rows for item in row]


def heard(text: str) -> dict[str, Answer]:
    """Answers by target, from lines of `target ok|failed text`."""
    rows = (line.split(" ", 2) for line in text.splitlines())
    return {row[0]: Answer(row[0], row[1] == "ok", "".join(row[2:]).strip()) for row in rows if len(row) > 1}


def answers(text: str, targets: Sequence[str]) -> tuple[Answer, ...]:
    """The same for these targets; a target without a line has not answered."""
    found = heard(text)
    return tuple(found.get(target, Answer(target, False, "no answer in time")) for target in targets)
