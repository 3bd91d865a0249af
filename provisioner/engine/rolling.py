"""Taking one batch of subjects after the other through some plays, with a gate before and after each."""

from __future__ import annotations

from provisioner.core.names import some
from provisioner.core.report import Outcome, Waiting, step
from provisioner.engine.applying import Work
from provisioner.errors import StepError
from provisioner.plays.play import AnyPlay
from provisioner.plays.procedure import GATE_TIMEOUT_S, Batch, Gate, Rolling, open_gate
from provisioner.world.view import View

_PAUSE_S = 2


def roll(work: Work, rolling: Rolling, plays: tuple[AnyPlay, ...]) -> bool:
    """Do these plays of it, batch after batch; False when that has ended the procedure."""
    failed: list[str] = []
    batches: tuple[Batch, ...] = work.on_leader(rolling.batches, ())
    for number, batch in enumerate(batches):
        mine = tuple(name for name in batch if name not in work.errors)
        if not any(work.steps(play, mine) for play in plays if mine):
            continue
        began = work.view
        if _passes(work, rolling.before, began, mine):
            for play in plays:
                work.play(play, mine)
            _passes(work, rolling.after, began, tuple(name for name in mine if name not in work.errors))
        failed += [name for name in mine if name in work.errors]
        if len(failed) > rolling.max_failures:
            if rolling.ends:
                return False
            left = tuple(name for rest in batches[number + 1 :] for name in rest if name not in work.errors)
            due = dict.fromkeys(one.subject for play in plays for one in (work.steps(play, left) if left else ()))
            work.pass_over({name: _not_begun(name, failed) for name in due})
            return True
    return True


def _passes(work: Work, gate: Gate, began: View, batch: Batch) -> bool:
    """Look until the gate is open for that batch; one for which it stays closed has failed."""
    if gate is open_gate or not batch:
        return True
    began_s = work.fleet.clock()
    waits = _waits(work, gate, began, batch)
    if waits:
        with step(work.listen, batch[0], f"wait until {waits[0]}", Outcome.OK):
            while waits and work.fleet.clock() - began_s < GATE_TIMEOUT_S:
                work.listen(Waiting(batch[0], "; ".join(waits)))
                work.fleet.pause(_PAUSE_S)
                waits = _waits(work, gate, began, batch)
    if waits:
        work.drop({name: _closed(name, waits) for name in batch})
    return work.leads and not work.errors.keys() & set(batch)


def _waits(work: Work, gate: Gate, began: View, batch: Batch) -> tuple[str, ...]:
    """What the gate waits for, on a fresh look; nothing when there is nothing to wait for any more."""
    work.look(batch)
    if not work.leads or work.errors.keys() & set(batch):
        return ()
    return work.on_leader(lambda view: gate(began, view, batch), ())


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
