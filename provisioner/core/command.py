"""A command for a host, its result, and a batch: many commands in one round trip.

A batch travels as one shell script over the standard input of one `sh`. So nothing of it can be seen in the
arguments of a process but the arguments of the commands themselves, and those may not hold a secret.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provisioner.errors import StepError
from provisioner.inventory.values import Secret

# sshd and sudo hand over different search paths; the tools we call live in these.
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# `timeout` answers 124 when time ran out, and 137 when it had to kill; that is what a shell says of any killed program.
TIMED_OUT = 124
KILLED = 137
_GRACE_S = 10
# Locked by a batch that changes something, and by what it started, as long as any of it runs: the processes of a run
# that was killed here go on there.
_BUSY = "/run/provisioner.lock"
_BUSY_WAIT_S = 60
# How long the next run waits for what a killed one has left running; an installation may take minutes.
SETTLE_S = 900
# kubeadm may wait for minutes for what cannot come any more, such as a node whose token was removed. It is ended
# earlier, which is safe: what it has begun is known to be half-made, and is begun anew.
SETTLE_KUBEADM_S = 60
# sysexits.h, EX_TEMPFAIL: try again later.
STILL_BUSY = 75


@dataclass(frozen=True, slots=True)
class Command:
    """One program with its arguments, run as root. `accepts` are the exit codes that are answers, not failures.

    `stdin` is text; a `Secret` is masked wherever the command is shown. `private` output is not logged.
    """

    argv: tuple[str, ...]
    stdin: str | Secret = ""
    accepts: frozenset[int] = frozenset({0})
    timeout_s: int = 60
    private: bool = False

    def __post_init__(self) -> None:
        """Arguments are text and never secret: everyone on the machine can read them (TypeError)."""
        if not self.argv or not all(type(word) is str for word in self.argv):
            raise TypeError(f"the arguments of a command are plain text, and a secret may not be one: {self.argv!r}")

    def __str__(self) -> str:
        """As one would type it, shortened, the input left out."""
        words = [word if len(word) <= 200 else word[:200] + "…" for word in self.argv]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command answered. `left_out` counts bytes of a very long answer that are missing in its middle."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    left_out: int = 0

    @property
    def ok(self) -> bool:
        """Exit code 0."""
        return self.exit_code == 0

    def tail(self, lines: int = 10) -> str:
        """The last lines of what it said, errors last."""
        text = (self.stdout.rstrip() + "\n" + self.stderr.rstrip()).strip()
        return "\n".join(text.splitlines()[-lines:])


def require_whole(host: str, results: Iterable[Result]) -> None:
    """StepError when an answer is too long to be kept whole: nothing is compared with a part of one."""
    if cut := sum(result.left_out for result in results):
        raise StepError(
            f"{host}: an answer of this machine is too long to be read: {cut} bytes of it were left out",
            hint="None of our questions has an answer as long as that. Look at the machine: what it says may be "
            "damaged, or made up.",
        )


def shell(
    script: str,
    *arguments: str,
    stdin: str | Secret = "",
    timeout_s: int = 60,
    accepts: frozenset[int] = frozenset({0}),
) -> Command:
    """A command that is a small POSIX shell script; values come as `$1`, `$2`, ... and are never pasted in."""
    argv = ("/bin/sh", "-euc", script.strip(), "sh", *arguments)
    return Command(argv, stdin=stdin, timeout_s=timeout_s, accepts=accepts)


def settle() -> Command:
    """Wait until nothing that an earlier run has started still works on this machine; says so while it waits.

    A kubeadm that has been left alone for SETTLE_KUBEADM_S is ended.
    """
    text = """
    # The youngest process that a batch has given the file to, as its descriptor 9.
    busy() {
      youngest=0
      for open in /proc/[0-9]*/fd/9; do
        process=${open#/proc/}; process=${process%%/*}
        if [ "$process" -gt "$youngest" ] && [ "$(readlink "$open")" = "$1" ]; then youngest=$process; fi
      done
      program=$(tr '\\0' ' ' <"/proc/$youngest/cmdline" 2>/dev/null | cut -c -80)
    }
    umask 077
    exec 8>>"$1"
    for second in $(seq "$2"); do
      if flock -n 8; then exit 0; fi
      if [ $((second % 5)) = 1 ]; then
        busy "$1"
        echo "an earlier run's command is still at work: $program"
        case $program in
          "kubeadm init "* | "kubeadm join "*) if [ "$second" -gt "$4" ]; then kill "$youngest" || :; fi ;;
        esac
      fi
      sleep 1
    done
    exit "$3"
    """
    numbers = (str(SETTLE_S), str(STILL_BUSY), str(SETTLE_KUBEADM_S))
    return shell(text, _BUSY, *numbers, timeout_s=SETTLE_S + 30)


def script(commands: Sequence[Command], separator: str, *, stop: bool, alone: bool = False) -> str:
    """The batch as a shell script that marks on both streams where each command begins and ends.

    Everything stands inside one pair of braces, so a script that arrives cut off runs nothing. With `stop`, a
    command whose exit code is not accepted is the last one; with `alone`, nothing runs beside another such batch.
    `separator` must be unguessable.
    """
    lines = ["{", f"PATH={_SEARCH_PATH} LC_ALL=C.UTF-8; export PATH LC_ALL; umask 022"]
    if alone:
        lines.append(f"umask 077; exec 9>>{_BUSY}; umask 022; flock -w {_BUSY_WAIT_S} 9 || exit {STILL_BUSY}")
    for number, command in enumerate(commands):
        accepted = "|".join(str(code) for code in sorted(command.accepts))
        lines += [
            _mark(separator, "begin", number),
            _fed(command, f"timeout -k {_GRACE_S} {command.timeout_s} {shlex.join(command.argv)}"),
            "code=$?",
            _mark(separator, "end", number, '"$code"'),
        ]
        if stop:
            lines.append(f"case $code in {accepted}) ;; *) exit 0 ;; esac")
    return "\n".join([*lines, "exit 0", "}", ""])


def _mark(separator: str, word: str, number: int, code: str = "0") -> str:
    line = f"printf '\\n%s {word} %d %d\\n' {separator} {number} {code}"
    return f"{line}; {line} >&2"


def _fed(command: Command, line: str) -> str:
    text = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
    # printf is part of the shell: what it prints is in no process's arguments.
    return f"printf %s {shlex.quote(text)} | {line}" if text else f"{line} </dev/null"
