"""The hosts of a run: one transport each, a limited number in parallel; failures are returned as values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from provisioner.core.report import Listener, ignore
from provisioner.engine.guard import Answers, attempt, sorted_out
from provisioner.errors import ProvisionerError
from provisioner.transports.protocol import Transport

T = TypeVar("T")
# What is done on a host. A function of a module, or a `partial` of one, so that it can be sent to another process.
Work = Callable[[str, Transport], T]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Transports by host name, the executor that works on them, the clock for looks at them, the listener, and how time
    is let pass (in seconds) between two looks.
    """

    transports: Mapping[str, Transport]
    executor: Executor
    clock: Callable[[], float] = time.time
    listen: Listener = ignore
    pause: Callable[[float], None] = time.sleep

    def each(self, hosts: Iterable[str], work: Work[T], at_once: int | None = None) -> Answers[T]:
        """Do the work on every host and wait for all of it; an exception there becomes the answer of that host.

        At most `at_once` hosts are worked on at the same time, and never more than the executor allows.
        """
        names = tuple(hosts)
        answers: dict[str, T | ProvisionerError] = {}
        for group in batched(names, at_once or len(names) or 1):
            futures = {host: self.executor.submit(_guarded, work, host, self.transports[host]) for host in group}
            try:
                answers |= {host: future.result() for host, future in futures.items()}
            finally:
                # When interrupted, work that has not begun is cancelled.
                for future in futures.values():
                    future.cancel()
        return sorted_out(answers, self.listen)

    def cut(self) -> None:
        """Close all connections, which ends all waits for an answer; a later call opens them again."""
        for transport in self.transports.values():
            transport.close()


def batched(names: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    """Cut into groups of at most `size`, in order."""
    return (names[start : start + size] for start in range(0, len(names), size))


def _guarded(work: Work[T], host: str, transport: Transport) -> T | ProvisionerError:
    return attempt(host, partial(work, host, transport))
