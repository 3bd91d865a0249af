"""The lock that keeps two runs on one cluster apart: a file on each control plane that says who works, and since when.

Its time of change is the last sign of life; it is judged by that machine's own clock, so that clocks need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell

PATH = "/var/lib/provisioner/lock"
# A run gives a sign of life every BEAT_S; one that has given none for STALE_S is taken to be dead. Between them lie
# a lost connection that is made again, and a machine under load.
BEAT_S = 10
STALE_S = 60

# Whoever reads and then writes holds a file beside it, so that of two who come at once one is first. Only root can
# open it: anyone who can may hold it for ever.
_ALONE = 'mkdir -p -- "$(dirname -- "$1")"; umask 077; exec 8>>"$1.guard"; flock 8\n'
_TELL = 'echo "age=$(($(date +%s) - $(stat -c %Y -- "$1")))"; cat -- "$1"'
_TAKE = (
    _ALONE
    + """
if [ -e "$1" ]; then
  run=$(sed -n 's/^run=//p' "$1")
  age=$(($(date +%s) - $(stat -c %Y -- "$1")))
  if [ "$run" != "$2" ] && [ "$run" != "$3" ] && [ "$age" -le "$4" ]; then TELL; exit 0; fi
fi
cat >"$1.new"
mv -fT -- "$1.new" "$1"
""".replace("TELL", _TELL)
)
_RENEW = (
    _ALONE
    + """
if [ ! -e "$1" ]; then echo gone; exit 0; fi
if [ "$(sed -n 's/^run=//p' "$1")" != "$2" ]; then TELL; exit 0; fi
touch -- "$1"
""".replace("TELL", _TELL)
)
_RELEASE = _ALONE + """if [ "$(sed -n 's/^run=//p' "$1" 2>/dev/null)" = "$2" ]; then rm -f -- "$1"; fi"""
# For the script that looks: it has no arguments.
SHOW = f"if [ -e {PATH} ]; then set -- {PATH}; {_TELL}; fi"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: the run's id, its user and machine, what it does, and when it began (seconds since 1970).

    `age_s` is how many seconds ago it gave its last sign of life.
    """

    run: str
    owner: str
    machine: str
    doing: str
    began_s: int
    age_s: int = 0

    @property
    def stale(self) -> bool:
        """Whether it has been silent for so long that anyone may take the lock."""
        return self.age_s > STALE_S


def take(holder: Holder, dead: str = "") -> Command:
    """Take the lock, or tell who has it. `dead` is the run whose lock may be taken because it is known to be over."""
    record = "".join(
        f"{name}={value}\n"
        for name, value in (
            ("run", holder.run),
            ("owner", holder.owner),
            ("machine", holder.machine),
            ("doing", holder.doing),
            ("began", holder.began_s),
        )
    )
    return shell(_TAKE, PATH, holder.run, dead, str(STALE_S), stdin=record)


def renew(run: str) -> Command:
    """Give a sign of life, or tell who has the lock now."""
    return shell(_RENEW, PATH, run)


def show() -> Command:
    """Tell who has the lock."""
    return shell(SHOW)


def release(run: str) -> Command:
    """Give the lock back; that of another run stays."""
    return shell(_RELEASE, PATH, run)


def read(text: str) -> Holder | None:
    """Who holds the lock, from what the scripts tell; None when they tell nothing of one."""
    told = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    if "run" not in told:
        return None
    return Holder(
        run=told["run"],
        owner=told.get("owner", ""),
        machine=told.get("machine", ""),
        doing=told.get("doing", ""),
        began_s=int(told.get("began") or 0),
        age_s=int(told.get("age") or 0),
    )


def is_gone(seen: Result) -> bool:
    """Whether a renewal found no lock any more: somebody has removed it."""
    return seen.stdout.strip() == "gone"
