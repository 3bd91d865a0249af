"""A simulated machine behind the same protocol as SSH."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from provisioner.core.command import Command, Result
from provisioner.core.untrusted import visible
from provisioner.errors import ProvisionerError, UnreachableError
from provisioner.transports.protocol import Began, Heard, no_listener
from tests.fake import programs
from tests.fake.state import Machine

# Called with the machine's name wherever a kill may land: before, inside and after each command.
OnMoment = Callable[[str], None]
# What a machine says instead: its name, what it was asked, and what it would have answered.
Twist = Callable[[str, Command, Result], Result]


def honest(machine: str, command: Command, result: Result) -> Result:
    """As it is."""
    return result


@dataclass
class FakeTransport:
    """One simulated host, its batches, and in words what they did there.

    `when_settled` is called before something that waits for what an earlier run has left running.
    """

    machine: Callable[[], Machine]
    on_moment: OnMoment = no_listener
    when_settled: OnMoment = no_listener
    twist: Twist = honest
    batches: list[tuple[Command, ...]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @property
    def round_trips(self) -> int:
        return len(self.batches)

    @property
    def seconds(self) -> float:
        return 0.5

    def open(self) -> None:
        if not self.machine().up:
            raise UnreachableError(f"{self.machine().name}: nothing answers at that port", hint="Is the host up?")

    def close(self) -> None:
        pass

    def send_tree(self, root: Path, names: Sequence[str], directory: str) -> None:
        raise AssertionError("nothing is uploaded here")

    def serve(self, root: Path) -> AbstractContextManager[int | None]:
        return nullcontext(7642)

    def run(
        self,
        commands: Sequence[Command],
        *,
        stop: bool = True,
        alone: bool = False,
        began: Began = no_listener,
        heard: Heard = no_listener,
    ) -> tuple[Result, ...]:
        if not commands:
            return ()
        self.open()
        self.batches.append(tuple(commands))
        if alone or any(programs.name_of(command) == "settle" for command in commands):
            self.when_settled(self.machine().name)
        results: list[Result] = []
        for number, command in enumerate(commands):
            self.on_moment(self.machine().name)
            began(number)
            told = self.twist(self.machine().name, command, self._trouble(command) or self._do(command))
            results.append(replace(told, stdout=visible(told.stdout), stderr=visible(told.stderr)))
            if stop and results[-1].exit_code not in command.accepts:
                break
        self.on_moment(self.machine().name)
        return tuple(results)

    def _do(self, command: Command) -> Result:
        words = programs.shown(command)
        if words:
            self.done.append(words)
        moments = programs.run(self.machine(), command)
        while True:
            try:
                next(moments)
            except StopIteration as end:
                result: Result = end.value
                return result
            self.on_moment(self.machine().name)

    def _trouble(self, command: Command) -> Result | None:
        text = " ".join(command.argv)
        for part, what in self.machine().trouble.items():
            if part in text and isinstance(what, ProvisionerError):
                raise what
            if part in text and isinstance(what, int):
                return Result(what, stderr="" if what == 0 else f"{self.machine().name} cannot do that\n")
        return None
