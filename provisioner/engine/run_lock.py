"""Holding the lock of a cluster while a run works: taken on every control plane, kept alive, given back.

It is ours where the machine says so, and nowhere else: an answer that says anything else is an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from provisioner.core.command import Command
from provisioner.core.report import Found, Listener
from provisioner.core.untrusted import visible
from provisioner.engine.holders import described
from provisioner.engine.marks import is_over, marked
from provisioner.errors import LockHeldError, Problem, ProvisionerError, Severity, StepError
from provisioner.output.wording import why
from provisioner.transports.protocol import Transport
from provisioner.world import lock
from provisioner.world.lock import Holder, Word

# A clock that goes on while this machine sleeps: on Linux CLOCK_MONOTONIC and `time.monotonic` stop then
# (clock_gettime(2)); on macOS CLOCK_MONOTONIC goes on, and `time.monotonic`, another one there, does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# How long a sign of life that is under way is waited for when nobody needs it any more.
_LAST_BEAT_S = 5

_LOOK_THERE = (
    f"Look there: `df -h {lock.PATH.rpartition('/')[0]}` (full?), `dmesg | tail` (read-only after an error?), "
    "`command -v flock` (missing? it is part of util-linux). Then run the same command again."
)


@contextmanager
def held(transports: Mapping[str, Transport], holder: Holder, listen: Listener) -> Iterator[Lease]:
    """Take the lock on these control planes and keep it; LockHeldError when another run has it.

    The transports are for the lock alone: signs of life are given while the run's own connections are at work.
    """
    with marked(holder.run), Lease(transports, holder, is_over, listen) as lease, lease.beating():
        yield lease


def asked(host: str, transport: Transport, command: Command, doing: str, *words: Word) -> Holder | Word:
    """What a control plane answers about its lock: one of these words, or who has it.

    StepError when it says anything else, for then nothing was done. `doing` completes "could not be".
    """
    (result,) = transport.run([command])
    said = visible(result.tail())
    try:
        if result.ok:
            return lock.read(result.stdout, *words)
    except ValueError as error:
        said = str(error)
    raise StepError(
        f"{host}: the run lock could not be {doing}",
        details=said or f"it ended with exit code {result.exit_code} and said nothing",
        hint=_LOOK_THERE,
    )


class Lease:
    """A lock, taken as a context manager. `check` makes sure of it before something is changed."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        holder: Holder,
        is_over: Callable[[str], bool],
        listen: Listener,
    ) -> None:
        """`is_over` tells of a run's id whether that run is known to be dead, so that its lock may be taken."""
        self._transports = transports
        self._holder = holder
        self._is_over = is_over
        self._listen = listen
        self._tried: list[str] = []
        self._ours: list[str] = []
        # A sign of life and a `check` at once would need two sessions.
        self._speaking = threading.Lock()
        self._alive_s = now_s()
        self._lost: LockHeldError | None = None

    def __enter__(self) -> Self:
        """Take it on all control planes, or on none."""
        try:
            self._take()
        except ProvisionerError as error:
            error.details = "\n".join(filter(None, (error.details, *_given_back(self._ours, self._release()))))
            raise
        except BaseException:
            # Ctrl-C: it may have been taken when the answer was not awaited.
            self._warn(self._release())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back; a warning where that fails."""
        self._warn(self._release())

    def _take(self) -> None:
        """In the order of their names: of two runs that come at once, the first one at the first gets them all."""
        began_s = now_s()
        for host in sorted(self._transports):
            self._tried.append(host)
            other = self._ask(host, lock.take(self._holder), "taken", Word.TAKEN)
            if isinstance(other, Holder) and self._is_over(other.run):
                other = self._ask(host, lock.take(self._holder, dead=other.run), "taken", Word.TAKEN)
            if isinstance(other, Holder):
                raise _held_by(host, other)
            self._ours.append(host)
        self._alive_s = began_s

    def check(self) -> None:
        """Still ours? LockHeldError when another run has taken it over, or somebody has removed it."""
        if now_s() - self._alive_s > lock.STALE_S / 2:
            self._renew()
        if self._lost:
            raise self._lost

    def _renew(self) -> None:
        """On all of them, also where one does not answer: that one's error comes when the others know."""
        silent: list[ProvisionerError] = []
        with self._speaking:
            began_s = now_s()
            for host in self._ours:
                try:
                    other = self._ask(host, lock.renew(self._holder.run), "renewed", Word.RENEWED, Word.FREE)
                except ProvisionerError as error:
                    silent.append(error)
                    continue
                if other is not Word.RENEWED:
                    self._lost = _lost_to(host, other)
            if silent:
                raise silent[0]
            self._alive_s = began_s

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Give a sign of life from time to time, as long as the block lasts."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(lock.BEAT_S):
                try:
                    self._renew()
                except ProvisionerError:
                    # A lost connection may come back: `check` asks again before the next change.
                    continue

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_LAST_BEAT_S)
            if thread.is_alive():
                for transport in self._transports.values():
                    transport.close()
            thread.join()

    def _release(self) -> dict[str, ProvisionerError]:
        """Errors by host. Where it is not ours any more, there is nothing to give back."""
        errors: dict[str, ProvisionerError] = {}
        for host in self._tried:
            try:
                self._ask(host, lock.release(self._holder.run), "given back", Word.RELEASED, Word.FREE)
            except ProvisionerError as error:
                errors[host] = error
        return errors

    def _warn(self, kept: Mapping[str, ProvisionerError]) -> None:
        for host, error in kept.items():
            hint = f"It is free {lock.STALE_S} s after its last sign of life; `provisioner unlock` removes it at once."
            self._listen(Found(Problem("lock-kept", "", _not_given_back(host, error), hint, Severity.WARNING)))

    def _ask(self, host: str, command: Command, doing: str, *words: Word) -> Holder | Word:
        return asked(host, self._transports[host], command, doing, *words)


def now_s() -> float:
    """Seconds on a clock that is never set and does not stop while this machine sleeps."""
    return time.clock_gettime(_CLOCK)


def _given_back(ours: list[str], kept: Mapping[str, ProvisionerError]) -> Iterator[str]:
    """What has become of the lock where it had been taken, when it was not to be had everywhere."""
    if back := [host for host in ours if host not in kept]:
        yield f"The run lock was given back on {', '.join(back)}."
    yield from (_not_given_back(host, kept[host]) for host in ours if host in kept)
    yield "Nothing was changed by this run."


def _not_given_back(host: str, error: ProvisionerError) -> str:
    return f"{host}: the run lock could not be given back: {why(host, error)}"


def _held_by(host: str, other: Holder) -> LockHeldError:
    ahead = "Its time was ahead of that machine's clock, and is set to now." if other.age_s < 0 else ""
    return LockHeldError(
        f"another run works on this cluster: {described(other)}",
        details=f"The lock is {lock.PATH} on {host}. {ahead}".rstrip(),
        hint=f"Wait for it. If it is dead: its lock is free {lock.STALE_S} s after its last sign of life; "
        "`provisioner unlock` shows it and removes it at once.",
    )


def _lost_to(host: str, other: Holder | Word) -> LockHeldError:
    what = f"taken over by {described(other)}" if isinstance(other, Holder) else "removed (`provisioner unlock`?)"
    return LockHeldError(
        f"the lock of this run on {host} was {what}",
        hint="This run stops here, so that two do not work at once. Run the same command again to go on.",
    )
