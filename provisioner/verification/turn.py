"""Only one verification runs probes at a time: a lock on the leader that lasts as long as the connection that took it.

So a verification that is killed, or whose machine is lost, does not block other ones; and no clock is involved.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from subprocess import DEVNULL, PIPE

from provisioner.verification.kubectl import AskError

# In memory, and only for root: a user who can open a file can hold its lock for ever. Not in /run/provisioner, which
# belongs to a run and is removed with it.
PATH = "/run/provisioner.verifying"
WAIT_S = 120
_END_S = 10
# $1: the file; $2: who we are; $3: how many seconds to wait. It holds the lock until its input ends; when the network
# fails silently, its input does not end, hence the limit of an hour.
_SCRIPT = """
umask 077; exec 9>>"$1"
flock -n 9 || { echo "busy $(cat -- "$1")"; flock -w "$3" 9 || { echo late; exit; }; }
echo "$2" >"$1"; echo ours
timeout 3600 cat >/dev/null
: >"$1"
"""


class BusyError(AskError):
    """Another verification of the cluster did not end in time."""


def command(ssh: Sequence[str], who: str, *, become: bool = False) -> list[str]:
    """The command that takes and holds the lock through this ssh call; runs that wait are shown `who`."""
    sudo = ["sudo", "-n"] if become else []
    return [*ssh, shlex.join([*sudo, "/bin/sh", "-c", _SCRIPT, "turn", PATH, who, str(WAIT_S)])]


@contextmanager
def taken(argv: Sequence[str], say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock for the length of a block; BusyError when it is not free in time, AskError without an answer."""
    # A session of its own: Ctrl-C must not free the lock while the probes are being removed.
    with subprocess.Popen(argv, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True, start_new_session=True) as process:
        try:
            _wait(process, say)
            yield
        finally:
            _end(process)


def _wait(process: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    other = ""
    for line in process.stdout or ():
        word, _, told = line.strip().partition(" ")
        if word == "ours":
            return
        if word == "busy":
            other = f" by {told}" if told else ""
            say(f"another verification of this cluster{other} to end")
        if word == "late":
            raise BusyError(f"another verification of this cluster{other} is running: wait for it, then verify again")
    raise AskError("lost the connection while waiting for another verification to end")


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
