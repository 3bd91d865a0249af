"""The run lock, which prevents two runs on one cluster at the same time: a file on each control plane that says which
run holds it, and since when.

The file's modification time is the last sign of life; it is compared with that host's own clock, so clocks may differ.
The scripts answer in one line: a `Word`, or the holder of the lock. Any other answer means that the script failed.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.core.command import Command, shell
from provisioner.core.untrusted import UntrustedError, number, shown, visible

PATH = "/var/lib/provisioner/lock"
# A run gives a sign of life every BEAT_S; a run that has given none for STALE_S is considered dead. The time between
# is for a lost connection that is opened again, and for a host under load.
BEAT_S = 10
STALE_S = 60
# A record is a few hundred bytes. If there is something else in its place, no more than this is read.
RECORD_BYTES = 1024
_FIELD_LETTERS = 64
# 9999-12-31, the last day that Python's calendar supports.
_LAST_S = 253_402_300_799


class Word(StrEnum):
    """What a script answers when it has done its task, or has found no lock."""

    TAKEN = "taken"
    RENEWED = "renewed"
    RELEASED = "released"
    REMOVED = "removed"
    FREE = "free"


# `told` prints the holder of the lock: its age, the beginning of the file in base64 (a damaged record may be anything,
# and a pipe would never end), and the kind of file. A symbolic link is not followed.
_FUNCTIONS = """
there() { [ -e "$1" ] || [ -L "$1" ]; }
record() { if [ -f "$1" ] && [ ! -L "$1" ]; then head -c BYTES -- "$1"; fi; }
seal() { text=$(record "$1" | base64 -w 0) && kind=$(stat -c %F -- "$1") && echo "$text $kind"; }
told() { changed=$(stat -c %Y -- "$1") && seal=$(seal "$1") && echo "held $(($(date +%s) - changed)) $seal"; }
# A record that names no run, or two, is nobody's.
is_of() { run=$(record "$1" | tr -d '\\0' | sed -n 's/^run=//p'); [ -n "$run" ] && [ "$run" = "$2" ]; }
cleared() { if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir -- "$1"; fi; }
""".replace("BYTES", str(RECORD_BYTES))
# A script that reads and then writes holds a lock on a file next to it, so that of two at the same time one is first.
# Only root can open that file: a process that can open it may hold it for ever.
_ALONE = (
    _FUNCTIONS
    + """
mkdir -p -- "$(dirname -- "$1")"
umask 077
exec 8>>"$1.guard"
flock -w 10 8 || { code=$?; [ "$code" != 1 ] || echo "$1.guard was locked by another program for 10 s" >&2; exit 1; }
"""
)
# A lock from the future (the clock was set back) would never be stale: it gets the current time, and then its run has
# the same time as any other to show that it is alive.
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
# For the script that looks: it has no arguments and holds no lock, so the file may be removed while it is being read.
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
    """The holder of the lock: the run's id, its user and machine, what it does, and when it began (seconds since 1970).

    `age_s` is how many seconds ago it gave its last sign of life; negative when that host's clock was set back since.
    `damage` says why a record cannot be read; then nothing else is known. `seal` is how `remove` recognises exactly
    this record.
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
        """Whether it has been silent for so long that any run may take the lock."""
        return self.age_s > STALE_S


def take(holder: Holder, dead: str = "") -> Command:
    """Take the lock (TAKEN), or print its holder. `dead` is a run that is known to be over: its lock may be taken."""
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
    """Give a sign of life (RENEWED), or print the lock's holder now (FREE: there is none)."""
    return shell(_RENEW, PATH, run)


def show() -> Command:
    """Print the holder of the lock, or FREE."""
    return shell(SHOW)


def release(run: str) -> Command:
    """Release the lock (RELEASED); the lock of another run stays, and its holder is printed."""
    return shell(_RELEASE, PATH, run)


def remove(seal: str) -> Command:
    """Remove exactly the lock that was shown (REMOVED), whatever it is; another one stays, and its holder is printed.

    A directory in its place is removed only when it is empty: provisioner did not put its contents there.
    """
    return shell(_REMOVE, PATH, seal)


def read(text: str, *words: Word) -> Holder | Word:
    """The answer of a script: one of these words, or the lock's holder; UntrustedError for anything else."""
    line = text.removesuffix("\n")
    if line in words:
        return Word(line)
    found = _HELD.fullmatch(line)
    if not found or len(line) > 2 * RECORD_BYTES:
        raise UntrustedError("an answer to a question about the run lock", text)
    return replace(_holder(found["record"], found["kind"]), age_s=int(found["age"]), seal=found["seal"])


def _holder(record: str, kind: str) -> Holder:
    """A lock that cannot be read is still a lock."""
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
        raise UntrustedError("a record of the run lock", text)
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
    r"""A field as it is written and shown: one line of limited length."""
    return visible(text).replace("\n", "\\n")[:_FIELD_LETTERS]
