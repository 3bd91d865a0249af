"""Taking one batch of subjects after the other through some plays, with a gate before and after each."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.core.names import some
from provisioner.core.report import Outcome, Waiting, step
from provisioner.engine.applying import Work
from provisioner.errors import StepError
from provisioner.plays.play import AnyPlay
from provisioner.plays.procedure import GATE_TIMEOUT_S, Batch, Gate, Rolling, Turn

_PAUSE_S = 2


def roll(work: Work, rolling: Rolling, plays: tuple[AnyPlay, ...], may_go_on: Callable[[], bool]) -> bool:
    """Do these plays of it, batch after batch; False when that has ended the procedure.

    `may_go_on` is asked before each batch: one may take minutes, and the run lock may be lost meanwhile.
    """
    work.ask(rolling.asks)
    failed: list[str] = []
    batches: tuple[Batch, ...] = work.on_leader(rolling.batches, ())
    for number, batch in enumerate(batches):
        mine = _left(work, batch)
        if not any(work.steps(play, mine) for play in plays if mine):
            continue
        if not may_go_on():
            return False
        _work_through(work, rolling, plays, mine)
        failed += [name for name in mine if name in work.errors]
        if len(failed) > rolling.max_failures:
            if rolling.ends:
                return False
            left = _left(work, tuple(name for rest in batches[number + 1 :] for name in rest))
            due = dict.fromkeys(one.subject for play in plays for one in (work.steps(play, left) if left else ()))
            work.pass_over({name: _not_begun(name, failed) for name in due})
            return True
    return True


def _work_through(work: Work, rolling: Rolling, plays: tuple[AnyPlay, ...], batch: Batch) -> None:
    """All plays for one batch, between its gates."""
    work.look(batch)
    before = work.view
    if not _passes(work, rolling.before, Turn(_left(work, batch), before, before)):
        return
    for play in plays:
        work.play(play, batch)
    work.look(_left(work, batch))
    _passes(work, rolling.after, Turn(_left(work, batch), before, work.view))


def _passes(work: Work, gate: Gate, turn: Turn) -> bool:
    """Look until the gate is open for that batch; one for which it stays closed has failed."""
    began_s = work.fleet.clock()
    waits = _waits(work, gate, turn)
    if waits:
        with step(work.listen, turn.batch[0], f"wait until {waits[0]}", Outcome.OK):
            while waits and work.fleet.clock() - began_s < GATE_TIMEOUT_S:
                work.listen(Waiting(turn.batch[0], "; ".join(waits)))
                work.fleet.pause(_PAUSE_S)
                work.look(turn.batch)
                waits = _waits(work, gate, turn)
    if waits:
        work.drop({name: _closed(name, waits) for name in turn.batch})
    return bool(turn.batch) and work.leads and not work.errors.keys() & set(turn.batch)


def _waits(work: Work, gate: Gate, turn: Turn) -> tuple[str, ...]:
    """What the gate waits for; nothing when there is nothing to wait for any more."""
    if not turn.batch or not work.leads or work.errors.keys() & set(turn.batch):
        return ()
    return work.on_leader(lambda view: gate(turn, view), ())


def _left(work: Work, batch: Batch) -> Batch:
    return tuple(name for name in batch if name not in work.errors)


def _closed(subject: str, waits: tuple[str, ...]) -> StepError:
    return StepError(
        f"{subject}: still waiting after {GATE_TIMEOUT_S} s: {'; '.join(waits)}",
        hint="Find out why; then run the same command again: it goes on from there.",
    )


def _not_begun(subject: str, failed: list[str]) -> StepError:
    return StepError(
        f"{subject}: not begun, because {some(failed)} failed",
        hint="What fails on one node may fail on all: fix that first, and run the same command again.",
    )
