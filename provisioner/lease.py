"""Holding the lock of a cluster while a run works: taken on every control plane, kept alive, given back.

Beside the lock on the control planes, each run that holds one has a file here that it keeps locked as long as its
process lives. So a run that was killed on this machine is known to be over at once, and need not be waited for.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from provisioner.core import lock
from provisioner.core.lock import Holder
from provisioner.errors import LockHeldError, Problem, ProvisionerError, Severity
from provisioner.paths import state_directory
from provisioner.transports.protocol import Transport
from provisioner.wording import duration


@contextmanager
def held(transports: Mapping[str, Transport], holder: Holder) -> Iterator[Lease]:
    """Take the lock on these control planes and keep it; LockHeldError when another run has it."""
    with _marked(holder.run), Lease(transports, holder, is_over) as lease, lease.beating():
        yield lease


class Lease:
    """A lock, taken as a context manager. `check` makes sure of it before something is changed."""

    def __init__(self, transports: Mapping[str, Transport], holder: Holder, is_over: Callable[[str], bool]) -> None:
        """`is_over` tells of a run's id whether that run is known to be dead, so that its lock may be taken."""
        self._transports = transports
        self._holder = holder
        self._is_over = is_over
        self._taken: list[str] = []
        self._alive_s = time.monotonic()
        self._lost: LockHeldError | None = None

    def __enter__(self) -> Self:
        """Take it on all control planes, or on none."""
        try:
            self._take()
        except BaseException:
            # Ctrl-C too: it may have been taken when the answer was not awaited.
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._release()

    def _take(self) -> None:
        for host, transport in self._transports.items():
            self._taken.append(host)
            (seen,) = transport.run([lock.take(self._holder)])
            other = lock.read(seen.stdout)
            if other and self._is_over(other.run):
                (seen,) = transport.run([lock.take(self._holder, dead=other.run)])
                other = lock.read(seen.stdout)
            if other:
                raise _held_by(host, other)
        self._alive_s = time.monotonic()

    def check(self) -> None:
        """Still ours? LockHeldError when another run has taken it over, or somebody has removed it."""
        if time.monotonic() - self._alive_s > lock.STALE_S / 2:
            self._renew()
        if self._lost:
            raise self._lost

    def _renew(self) -> None:
        """On all of them, also where one does not answer: that one's error comes when the others know."""
        silent: list[ProvisionerError] = []
        for host in self._taken:
            try:
                (seen,) = self._transports[host].run([lock.renew(self._holder.run)])
            except ProvisionerError as error:
                silent.append(error)
                continue
            other = lock.read(seen.stdout)
            if other or lock.is_gone(seen):
                self._lost = _lost_to(host, other)
        if silent:
            raise silent[0]
        self._alive_s = time.monotonic()

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
            thread.join()

    def _release(self) -> None:
        """A control plane that is lost keeps its lock until it is stale."""
        for host in self._taken:
            try:
                self._transports[host].run([lock.release(self._holder.run)])
            except ProvisionerError:
                continue


def described(holder: Holder) -> str:
    """`anna on laptop (apply), since 2026-03-01 12:31:05, last sign of life 4.0 s ago`."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.began_s))
    heard = f"last sign of life {duration(holder.age_s)} ago"
    return f"{holder.owner} on {holder.machine} ({holder.doing}), since {since}, {heard}"


def is_dead(holder: Holder) -> bool:
    """Whether the run that holds a lock is silent for too long, or was one of this machine and is gone."""
    return holder.stale or is_over(holder.run)


def at_work(holder: Holder | None) -> Problem | None:
    """A warning that somebody is changing the cluster right now, so that what is seen of it will soon be old."""
    if holder is None or is_dead(holder):
        return None
    what = f"another run works on this cluster: {described(holder)}"
    return Problem("at-work", "", what, "What is shown here may be out of date when it is through.", Severity.WARNING)


def _held_by(host: str, other: Holder) -> LockHeldError:
    return LockHeldError(
        f"another run works on this cluster: {described(other)}",
        details=f"The lock is {lock.PATH} on {host}. Nothing was changed by this run.",
        hint=f"Wait for it. If it is dead: its lock is free {lock.STALE_S} s after its last sign of life; "
        "`provisioner unlock` shows it and removes it at once.",
    )


def _lost_to(host: str, other: Holder | None) -> LockHeldError:
    why = f"taken over by {described(other)}" if other else "removed (`provisioner unlock`?)"
    return LockHeldError(
        f"the lock of this run on {host} was {why}",
        hint="This run stops here, so that two do not work at once. Run the same command again to go on.",
    )


def _marks() -> Path:
    return state_directory() / "runs"


@contextmanager
def _marked(run: str) -> Iterator[None]:
    """A file that is locked as long as this process lives."""
    _marks().mkdir(parents=True, exist_ok=True, mode=0o700)
    _forget_old()
    path = _marks() / run
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_over(run: str) -> bool:
    """Whether that run was one of this machine and its process is gone. It may be asked more than once."""
    return _is_free(_marks() / Path(run).name)


def _is_free(mark: Path) -> bool:
    try:
        with mark.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def _forget_old() -> None:
    """Marks of dead runs whose locks have been stale for long say nothing any more."""
    for mark in _marks().iterdir():
        if mark.stat().st_mtime < time.time() - 60 * lock.STALE_S and _is_free(mark):
            mark.unlink(missing_ok=True)
