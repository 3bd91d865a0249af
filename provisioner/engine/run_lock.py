"""Holding the run lock of a cluster: taken on a majority of the control planes, renewed while the run works, released.

We hold it only where the host confirms that: any other answer is an error.
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
from provisioner.world.quorum import majority

# A clock that goes on while this machine sleeps: on Linux CLOCK_MONOTONIC and `time.monotonic` stop then
# (clock_gettime(2)); on macOS CLOCK_MONOTONIC goes on, and `time.monotonic`, another one there, does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# How long to wait at the end for a renewal that has begun.
_LAST_BEAT_S = 5

_LOOK_THERE = (
    f"Check that host: `df -h {lock.PATH.rpartition('/')[0]}` (full?), `dmesg | tail` (read-only after an error?), "
    "`command -v flock` (missing? it is part of util-linux). Then run the same command again."
)


@contextmanager
def held(
    transports: Mapping[str, Transport], holder: Holder, listen: Listener, needed: int | None = None
) -> Iterator[RunLock]:
    """Take the run lock on these control planes and keep it; LockHeldError when another run has it.

    It is `needed` on so many of them: on a majority unless that is said.

    The transports are for the lock alone: it is renewed while the run's own connections are busy.
    """
    with marked(holder.run), RunLock(transports, holder, is_over, listen, needed) as run_lock, run_lock.beating():
        yield run_lock


def asked(host: str, transport: Transport, command: Command, doing: str, *words: Word) -> Holder | Word:
    """What a control plane answers about its run lock: one of these words, or the run that has it.

    StepError for any other answer, because then nothing was done. `doing` completes "could not be".
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
        details=said or f"it ended with exit code {result.exit_code} and printed nothing",
        hint=_LOOK_THERE,
    )


class RunLock:
    """The run lock, as a context manager. `check` makes sure that we still hold it, before something is changed."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        holder: Holder,
        is_over: Callable[[str], bool],
        listen: Listener,
        needed: int | None = None,
    ) -> None:
        """`is_over` says of a run's id whether that run is known to be dead, so that its lock may be taken."""
        self._transports = transports
        self._holder = holder
        self._is_over = is_over
        self._listen = listen
        self._needed = majority(len(transports)) if needed is None else needed
        self._tried: list[str] = []
        self._ours: list[str] = []
        # A renewal and a `check` at the same time would need two sessions.
        self._speaking = threading.Lock()
        self._alive_s = now_s()
        self._lost: LockHeldError | None = None

    def __enter__(self) -> Self:
        """Take it on a majority of the control planes (or on as many as are `needed`), or on none."""
        try:
            self._take()
        except ProvisionerError as error:
            error.details = "\n".join(filter(None, (error.details, *_released(self._ours, self._release()))))
            raise
        except BaseException:
            # Ctrl-C: the lock may have been taken, although we have not waited for the answer.
            self._warn(self._release())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release it; a warning where that fails."""
        self._warn(self._release())

    def _take(self) -> None:
        """In the order of the hosts' names: of two runs at a time, the one that gets the first lock gets all."""
        began_s, silent = now_s(), dict[str, ProvisionerError]()
        for host in sorted(self._transports):
            self._tried.append(host)
            try:
                other = self._take_on(host)
            except ProvisionerError as error:
                silent[host] = error
                continue
            if isinstance(other, Holder):
                raise _held_by(host, other)
            self._ours.append(host)
        if len(self._ours) < self._needed:
            raise next(iter(silent.values()))
        self._alive_s = began_s
        for host, kept in silent.items():
            message = f"{host}: the run lock could not be taken: {why(host, kept)}"
            hint = f"It is held on {len(self._ours)} of {len(self._transports)} control planes, which is enough."
            self._listen(Found(Problem("lock-partial", "", message, hint, Severity.WARNING)))

    def _take_on(self, host: str) -> Holder | Word:
        other = self._ask(host, lock.take(self._holder), "taken", Word.TAKEN)
        if isinstance(other, Holder) and self._is_over(other.run):
            other = self._ask(host, lock.take(self._holder, dead=other.run), "taken", Word.TAKEN)
        return other

    def check(self) -> None:
        """LockHeldError when another run has taken the lock over, or it was removed."""
        if now_s() - self._alive_s > lock.STALE_S / 2:
            self._renew()
        if self._lost:
            raise self._lost

    def _renew(self) -> None:
        """On all control planes; an error when those that answer are too few."""
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
            if len(self._ours) - len(silent) < self._needed:
                raise silent[0]
            self._alive_s = began_s

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew the lock from time to time, as long as the block runs."""
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
        """Release it everywhere; errors by host. Where it is not ours any more, there is nothing to release."""
        errors: dict[str, ProvisionerError] = {}
        for host in self._tried:
            try:
                self._ask(host, lock.release(self._holder.run), "released", Word.RELEASED, Word.FREE)
            except ProvisionerError as error:
                errors[host] = error
        return errors

    def _warn(self, kept: Mapping[str, ProvisionerError]) -> None:
        for host, error in kept.items():
            hint = f"It is free {lock.STALE_S} s after its last sign of life; `provisioner unlock` removes it at once."
            self._listen(Found(Problem("lock-kept", "", _not_released(host, error), hint, Severity.WARNING)))

    def _ask(self, host: str, command: Command, doing: str, *words: Word) -> Holder | Word:
        return asked(host, self._transports[host], command, doing, *words)


def now_s() -> float:
    """Seconds on a clock that is never set and does not stop while this machine sleeps."""
    return time.clock_gettime(_CLOCK)


def _released(ours: list[str], kept: Mapping[str, ProvisionerError]) -> Iterator[str]:
    """What has happened to the locks that were taken, when not all of them could be taken."""
    if back := [host for host in ours if host not in kept]:
        yield f"The run lock was released on {', '.join(back)}."
    yield from (_not_released(host, kept[host]) for host in ours if host in kept)
    yield "Nothing was changed by this run."


def _not_released(host: str, error: ProvisionerError) -> str:
    return f"{host}: the run lock could not be released: {why(host, error)}"


def _held_by(host: str, other: Holder) -> LockHeldError:
    ahead = "Its time was ahead of that host's clock, and is set to now." if other.age_s < 0 else ""
    return LockHeldError(
        f"another run is at work on this cluster: {described(other)}",
        details=f"The run lock is {lock.PATH} on {host}. {ahead}".rstrip(),
        hint=f"Wait for it. If it is dead: its lock is free {lock.STALE_S} s after its last sign of life; "
        "`provisioner unlock` shows it and removes it at once.",
    )


def _lost_to(host: str, other: Holder | Word) -> LockHeldError:
    what = f"taken over by {described(other)}" if isinstance(other, Holder) else "removed (`provisioner unlock`?)"
    return LockHeldError(
        f"the run lock of this run on {host} was {what}",
        hint="This run stops here, so that two runs do not work at the same time. Run the same command again to go on.",
    )
