"""Work on several machines at once, in an order that chance decides and a seed repeats."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from random import Random
from typing import Any


class TakingTurns(Executor):
    """One task goes on at a time, until `turn` is called in it: then chance says which is next."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._tasks: list[_Task] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        task = _Task(lambda: fn(*args, **kwargs), self._work)
        self._tasks.append(task)
        return task.future

    def turn(self) -> None:
        """Let another task go on; outside of tasks there is none."""
        current = threading.current_thread()
        if isinstance(current, _Task):
            current.pause()

    def _work(self, future: Future[Any]) -> None:
        while not future.done():
            task = self._chance.choice(self._tasks)
            task.go_on()
            if task.future.done():
                task.join()
                self._tasks.remove(task)


class _Task(threading.Thread):
    """One task in a thread of its own, which runs only in its turn."""

    def __init__(self, do: Callable[[], Any], work: Callable[[Future[Any]], None]) -> None:
        super().__init__(daemon=True)
        self.future: Future[Any] = _Awaited(work)
        self._do = do
        self._go = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)

    def run(self) -> None:
        self._go.acquire()
        try:
            self.future.set_result(self._do())
        except BaseException as error:
            self.future.set_exception(error)
        self._paused.release()

    def go_on(self) -> None:
        if self.ident is None:
            self.start()
        self._go.release()
        self._paused.acquire()

    def pause(self) -> None:
        self._paused.release()
        self._go.acquire()


class _Awaited(Future[Any]):
    """A result that is worked for when it is asked for."""

    def __init__(self, work: Callable[[Future[Any]], None]) -> None:
        super().__init__()
        self._work = work

    def result(self, timeout: float | None = None) -> Any:
        self._work(self)
        return super().result(timeout)
