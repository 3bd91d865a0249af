"""Running the steps of one host: all their commands in one batch, with an event for each step as it happens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.core.command import KILLED, TIMED_OUT, Command, Result
from provisioner.core.plan import Step
from provisioner.core.report import CommandRan, Listener, Outcome, Said, StepBegan, StepEnded
from provisioner.errors import ProvisionerError, StepError
from provisioner.failures import hint
from provisioner.transports.protocol import Transport


@dataclass(frozen=True, slots=True)
class Ran:
    """The steps that were done, and the error of the one that was not."""

    done: tuple[Step, ...] = ()
    error: ProvisionerError | None = None


def run_steps(transport: Transport, steps: Sequence[Step], listen: Listener) -> Ran:
    """Run them in order, up to the first command that fails.

    A step without commands is neither done nor failed: other steps have its effect.
    """
    commands = [(step, command) for step in steps for command in step.change.commands]
    if not commands:
        return Ran()
    progress = _Progress([step for step, _ in commands], listen)
    try:
        results = transport.run(
            [command for _, command in commands], alone=True, began=progress.began, heard=progress.heard
        )
    except ProvisionerError as error:
        # What was done before the connection was lost is not known for sure; the next look finds out.
        progress.end(Outcome.FAILED)
        return Ran(error=error)
    for (step, command), result in zip(commands, results, strict=False):
        listen(CommandRan(step.place, str(command), result.exit_code, result.seconds, _output(command, result)))
    (step, command), result = commands[len(results) - 1], results[-1]
    failed = result.exit_code not in command.accepts
    progress.end(Outcome.FAILED if failed else Outcome.CHANGED)
    begun = dict.fromkeys(step for step, _ in commands[: len(results)])
    if failed:
        return Ran(tuple(one for one in begun if one is not step), _failure(step, command, result))
    return Ran(tuple(begun))


class _Progress:
    """Turns the starts of commands into starts and ends of steps."""

    def __init__(self, steps: Sequence[Step], listen: Listener) -> None:
        self._steps = steps
        self._listen = listen
        self._now: Step | None = None
        self._since_s = 0.0

    def began(self, number: int) -> None:
        """The command of that number has begun."""
        step = self._steps[number]
        if step is not self._now:
            self.end(Outcome.CHANGED)
            self._now, self._since_s = step, time.monotonic()
            self._listen(StepBegan(step.subject, step.change.summary))

    def heard(self, line: str) -> None:
        """The running command has printed something."""
        if self._now is not None:
            self._listen(Said(self._now.subject, line))

    def end(self, outcome: Outcome) -> None:
        """The step that runs has ended."""
        if self._now is not None:
            seconds = time.monotonic() - self._since_s
            self._listen(StepEnded(self._now.subject, self._now.change.summary, outcome, seconds))
            self._now = None


def _output(command: Command, result: Result) -> str:
    return "(not logged)" if command.private else (result.stdout + result.stderr).strip()


def _failure(step: Step, command: Command, result: Result) -> StepError:
    if result.exit_code == TIMED_OUT or (result.exit_code == KILLED and result.seconds >= command.timeout_s):
        why = f"did not finish within {command.timeout_s} s"
    elif result.exit_code == KILLED:
        why = f"was killed (exit code {KILLED}): by hand, or because memory ran out"
    else:
        why = f"failed with exit code {result.exit_code}"
    said = "" if command.private else result.tail()
    return StepError(
        f"{step.subject}: {step.change.summary}: {why}",
        details=f"$ {command}\n{said}",
        hint=hint("" if command.private else result.stdout + result.stderr),
    )
