"""The lock that keeps two runs on one cluster apart: a file on each control plane that says who works, and since when.

Its time of change is the last sign of life; it is judged by that machine's own clock, so that clocks need not agree.
The scripts answer in one line: a `Word`, or who has the lock. Whoever hears anything else has heard that it failed.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.core.command import Command, shell
from provisioner.core.untrusted import UntrustedError, number, shown, visible

PATH = "/var/lib/provisioner/lock"
# A run gives a sign of life every BEAT_S; one that has given none for STALE_S is taken to be dead. Between them lie
# a lost connection that is made again, and a machine under load.
BEAT_S = 10
STALE_S = 60
# A record is a few hundred bytes. Of whatever else lies in its place no more than this is read.
RECORD_BYTES = 1024
_FIELD_LETTERS = 64
# 9999-12-31, the last day that a calendar of ours can name.
_LAST_S = 253_402_300_799


class Word(StrEnum):
    """What a script answers when it has done what it was asked for, or has found no lock."""

    TAKEN = "taken"
    RENEWED = "renewed"
    RELEASED = "released"
    REMOVED = "removed"
    FREE = "free"


# `told` says who has the lock: its age, the beginning of the file in base64 (a record that was damaged may be
# anything, and a pipe would never end), and what kind of file it is. A link is not followed.
_FUNCTIONS = """
there() { [ -e "$1" ] || [ -L "$1" ]; }
record() { if [ -f "$1" ] && [ ! -L "$1" ]; then head -c BYTES -- "$1"; fi; }
seal() { text=$(record "$1" | base64 -w 0) && kind=$(stat -c %F -- "$1") && echo "$text $kind"; }
told() { changed=$(stat -c %Y -- "$1") && seal=$(seal "$1") && echo "held $(($(date +%s) - changed)) $seal"; }
# A record that names no run, or two, is nobody's.
is_of() { run=$(record "$1" | tr -d '\\0' | sed -n 's/^run=//p'); [ -n "$run" ] && [ "$run" = "$2" ]; }
cleared() { if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir -- "$1"; fi; }
""".replace("BYTES", str(RECORD_BYTES))
# Whoever reads and then writes holds a file beside it, so that of two who come at once one is first. Only root can
# open it: anyone who can may hold it for ever.
_ALONE = (
    _FUNCTIONS
    + """
mkdir -p -- "$(dirname -- "$1")"
umask 077
exec 8>>"$1.guard"
flock -w 10 8 || { code=$?; [ "$code" != 1 ] || echo "$1.guard was locked by another program for 10 s" >&2; exit 1; }
"""
)
# A lock from the future (the clock was set back) would never be stale: it gets the time of now, and then the same
# chance as any other to show that its run lives.
_TAKE = (
    _ALONE
    + """
if there "$1" && ! is_of "$1" "$2" && ! is_of "$1" "$3"; then
  held=$(told "$1")
  age=${held#held }; age=${age%% *}
  if [ "$age" -lt 0 ]; then touch -h -- "$1"; fi
  if [ "$age" -le "$4" ]; then echo "$held"; exit 0; fi
fi
cat >"$1.new"
cleared "$1"
mv -fT -- "$1.new" "$1"
echo taken
"""
)
_UNLESS_OURS = """
if ! there "$1"; then echo free; exit 0; fi
if ! is_of "$1" "$2"; then told "$1"; exit 0; fi
"""
_RENEW = f'{_ALONE}{_UNLESS_OURS}touch -- "$1"\necho renewed\n'
_RELEASE = f'{_ALONE}{_UNLESS_OURS}rm -f -- "$1"\necho released\n'
_REMOVE = (
    _ALONE
    + """
if ! there "$1"; then echo free; exit 0; fi
if [ "$(seal "$1")" != "$2" ]; then told "$1"; exit 0; fi
cleared "$1"
rm -f -- "$1"
echo removed
"""
)
# For the script that looks: it has no arguments, and holds nothing, so the lock may go while it is being read.
SHOW = f"""(
set -- {PATH}
{_FUNCTIONS.strip()}
if there "$1" && {{ told "$1" || there "$1"; }}; then :; else echo free; fi
)"""

_HELD = re.compile(
    r"held (?P<age>-?[0-9]{1,12}) (?P<seal>(?P<record>([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}([A-Za-z0-9+/]|=)=)?)"
    r" (?P<kind>[a-z ]{1,40}))"
)
_RUN = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: the run's id, its user and machine, what it does, and when it began (seconds since 1970).

    `age_s` is how many seconds ago it gave its last sign of life; less than nothing when that machine's clock was set
    back meanwhile. `damage` says why a record cannot be read; then nothing else is known. `seal` is by what `remove`
    knows this very record again.
    """

    run: str
    owner: str
    machine: str
    doing: str
    began_s: int
    age_s: int = 0
    damage: str = ""
    seal: str = ""

    @property
    def stale(self) -> bool:
        """Whether it has been silent for so long that anyone may take the lock."""
        return self.age_s > STALE_S


def take(holder: Holder, dead: str = "") -> Command:
    """Take the lock (TAKEN), or tell who has it. `dead` is the run whose lock may be taken, known to be over."""
    fields = {
        "run": holder.run,
        "owner": _field(holder.owner),
        "machine": _field(holder.machine),
        "doing": _field(holder.doing),
        "began": holder.began_s,
    }
    record = "".join(f"{name}={value}\n" for name, value in fields.items())
    return shell(_TAKE, PATH, holder.run, dead, str(STALE_S), stdin=record)


def renew(run: str) -> Command:
    """Give a sign of life (RENEWED), or tell who has the lock now (FREE: nobody)."""
    return shell(_RENEW, PATH, run)


def show() -> Command:
    """Tell who has the lock, or FREE."""
    return shell(SHOW)


def release(run: str) -> Command:
    """Give the lock back (RELEASED); that of another run stays, and is told."""
    return shell(_RELEASE, PATH, run)


def remove(seal: str) -> Command:
    """Take away the very lock that was shown (REMOVED), whatever it is; another one stays, and is told.

    Of a directory in its place only an empty one is removed: what somebody has put there is not ours.
    """
    return shell(_REMOVE, PATH, seal)


def read(text: str, *words: Word) -> Holder | Word:
    """What a script has answered: one of these words, or who has the lock; UntrustedError for anything else."""
    line = text.removesuffix("\n")
    if line in words:
        return Word(line)
    found = _HELD.fullmatch(line)
    if not found or len(line) > 2 * RECORD_BYTES:
        raise UntrustedError("an answer to a question about the run lock", text)
    return replace(_holder(found["record"], found["kind"]), age_s=int(found["age"]), seal=found["seal"])


def _holder(record: str, kind: str) -> Holder:
    """A lock that cannot be read is a lock all the same."""
    text = b64decode(record).decode(errors="replace")
    if not kind.startswith("regular"):
        return _unreadable(f"it is a {kind}")
    try:
        return _parsed(text)
    except (UntrustedError, KeyError):
        return _unreadable(f"it says {shown(text)}" if text else "it is empty")


def _parsed(text: str) -> Holder:
    lines = [line.partition("=")[::2] for line in text.removesuffix("\n").split("\n")]
    told = dict(lines)
    if len(told) < len(lines) or not _RUN.fullmatch(told["run"]):
        raise UntrustedError("a record of the lock", text)
    return Holder(
        run=told["run"],
        owner=_field(told["owner"]),
        machine=_field(told["machine"]),
        doing=_field(told["doing"]),
        began_s=number(told["began"], _LAST_S),
    )


def _unreadable(damage: str) -> Holder:
    return Holder("", "", "", "", 0, damage=damage)


def _field(text: str) -> str:
    r"""A field as it is written, and shown: one line, of a bounded length."""
    return visible(text).replace("\n", "\\n")[:_FIELD_LETTERS]
