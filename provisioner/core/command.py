"""A command for a host, its result, and a batch: many commands in one round trip.

A batch is sent as one shell script on the standard input of one `sh`. So a list of processes shows nothing of it but
the arguments of the commands themselves, which must not contain a secret.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provisioner.errors import StepError
from provisioner.inventory.values import Secret

# sshd and sudo set different search paths; the tools that we call are in these directories.
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# `timeout` exits with 124 when the time has run out, and with 137 (128 + SIGKILL, as shells report it) when it had to
# kill.
TIMED_OUT = 124
KILLED = 137
_GRACE_S = 10
# Locked by a batch that changes something, and by all that it has started, as long as any of it runs: when a run is
# killed on this machine, its processes on the hosts continue.
_BUSY = "/run/provisioner.lock"
_BUSY_WAIT_S = 60
# How long the next run waits for commands that a killed run has left running; an installation may take minutes.
SETTLE_S = 900
# kubeadm may wait for minutes for something that can no longer happen, such as a join whose token was removed. It is
# ended earlier, which is safe: its marker says that it is incomplete, and the next run starts it again.
SETTLE_KUBEADM_S = 60
# sysexits.h, EX_TEMPFAIL: try again later.
STILL_BUSY = 75


@dataclass(frozen=True, slots=True)
class Command:
    """One program with its arguments, run as root. `accepts` are the exit codes that do not count as failures.

    `stdin` is text; a `Secret` is masked wherever the command is shown. `private` output is not logged.
    """

    argv: tuple[str, ...]
    stdin: str | Secret = ""
    accepts: frozenset[int] = frozenset({0})
    timeout_s: int = 60
    private: bool = False

    def __post_init__(self) -> None:
        """Arguments are text and never secret: all users of the host can read them (TypeError)."""
        if not self.argv or not all(type(word) is str for word in self.argv):
            raise TypeError(f"the arguments of a command must be plain text, never a secret: {self.argv!r}")

    def __str__(self) -> str:
        """The command line as it would be typed, shortened, without its input."""
        words = [word if len(word) <= 200 else word[:200] + "…" for word in self.argv]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command. `left_out` counts the bytes that were cut from the middle of a very long output."""

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
        """The last lines of its output, standard error last."""
        text = (self.stdout.rstrip() + "\n" + self.stderr.rstrip()).strip()
        return "\n".join(text.splitlines()[-lines:])


def require_whole(host: str, results: Iterable[Result]) -> None:
    """StepError when an output was too long to be kept completely: a part of one is never compared."""
    if cut := sum(result.left_out for result in results):
        raise StepError(
            f"{host}: the output of a command on this host is too long to process: {cut} bytes of it were left out",
            hint="No command of provisioner prints that much. Check the host: its output may be damaged or forged.",
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
    """Wait until no command of an earlier run is still running on this host; says so while it waits.

    A kubeadm that is still running after SETTLE_KUBEADM_S is ended.
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

    Everything is inside one pair of braces, so a script that arrives incomplete runs nothing. With `stop`, the batch
    ends after a command whose exit code is not accepted; with `alone`, no two such batches run at the same time.
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
    # printf is built into the shell: what it prints does not appear in the arguments of any process.
    return f"printf %s {shlex.quote(text)} | {line}" if text else f"{line} </dev/null"
