"""Work on many machines: in parallel within a bound, failures as values, and an end when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from provisioner.engine.fleet import Fleet
from provisioner.errors import UnreachableError
from provisioner.transports.protocol import Transport
from tests.builders import cluster
from tests.fake.world import World


class Waiting(Executor):
    """Nothing begins by itself; the first that is asked for is interrupted."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if not self.futures:
            future.set_exception(KeyboardInterrupt())
        self.futures.append(future)
        return future


class WhenAsked(Executor):
    """Works when an answer is awaited; `seen` is how many were submitted by then."""

    def __init__(self) -> None:
        self.submitted = 0
        self.seen: list[int] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        return Awaited(self, lambda: fn(*args, **kwargs))


class Awaited(Future[Any]):
    def __init__(self, executor: WhenAsked, do: Callable[[], Any]) -> None:
        super().__init__()
        self._executor, self._do = executor, do

    def result(self, timeout: float | None = None) -> Any:
        self._executor.seen.append(self._executor.submitted)
        return self._do()


@pytest.fixture
def world() -> World:
    made = World(cluster())
    made.begin()
    return made


def test_interrupted_work_that_has_not_begun_does_not_begin(world: World) -> None:
    executor = Waiting()
    with pytest.raises(KeyboardInterrupt):
        Fleet(world.transports, executor).each(["cp1", "w1", "w2"], lambda host, transport: None)
    assert [future.cancelled() for future in executor.futures] == [False, True, True]


@pytest.mark.parametrize(("at_once", "groups"), [(None, [3]), (2, [2, 3]), (1, [1, 2, 3])])
def test_no_more_at_once_than_may_be(world: World, at_once: int | None, groups: list[int]) -> None:
    """A group is asked for when the one before it is through."""
    waiting = WhenAsked()
    answers = Fleet(world.transports, waiting).each(["cp1", "w1", "w2"], lambda host, transport: host, at_once)
    assert list(answers.good) == ["cp1", "w1", "w2"]
    assert sorted(set(waiting.seen)) == groups


def test_a_machine_that_fails_is_its_own_answer(world: World) -> None:
    def work(host: str, transport: Transport) -> str:
        if host == "w1":
            raise UnreachableError(f"{host}: lost")
        return host

    answers = Fleet(world.transports, world.executor).each(world.transports, work)
    assert answers.good == {"cp1": "cp1", "w2": "w2"}
    assert {host: error.message for host, error in answers.bad.items()} == {"w1": "w1: lost"}
