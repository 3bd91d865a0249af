"""The hosts of a run: one transport each, worked on in parallel within a bound; failures are values, not surprises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Generic, TypeVar

from provisioner.errors import ProvisionerError
from provisioner.transports.protocol import Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What came back from each host: an answer, or an error."""

    good: dict[str, T]
    bad: dict[str, ProvisionerError]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Transports by host name, and the executor that works on them."""

    transports: Mapping[str, Transport]
    executor: Executor

    def each(self, hosts: Iterable[str], work: Callable[[str, Transport], T], at_once: int | None = None) -> Answers[T]:
        """Do the work on every host and wait for all of it; a ProvisionerError is that host's answer."""
        gate = BoundedSemaphore(at_once) if at_once else None
        futures = {host: self.executor.submit(_guarded, work, host, self.transports[host], gate) for host in hosts}
        answers = {host: future.result() for host, future in futures.items()}
        return Answers(
            good={host: answer for host, answer in answers.items() if not isinstance(answer, ProvisionerError)},
            bad={host: answer for host, answer in answers.items() if isinstance(answer, ProvisionerError)},
        )


def _guarded(
    work: Callable[[str, Transport], T], host: str, transport: Transport, gate: BoundedSemaphore | None
) -> T | ProvisionerError:
    try:
        if gate is None:
            return work(host, transport)
        with gate:
            return work(host, transport)
    except ProvisionerError as error:
        return error
