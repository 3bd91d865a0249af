"""Taking one batch of subjects after the other through some plays, with a gate before and after each."""

from __future__ import annotations

from provisioner.core.report import Outcome, Waiting, step
from provisioner.engine.applying import Work
from provisioner.errors import StepError
from provisioner.plays.play import AnyPlay
from provisioner.plays.procedure import GATE_TIMEOUT_S, Batch, Gate, Rolling, open_gate

_PAUSE_S = 2


def roll(work: Work, rolling: Rolling, plays: tuple[AnyPlay, ...]) -> bool:
    """Do these plays of it, batch after batch; False when it has stopped before the last one."""
    failed = 0
    batches: tuple[Batch, ...] = work.on_leader(rolling.batches, ())
    for batch in batches:
        mine = tuple(name for name in batch if name not in work.errors)
        if not any(work.steps(play, mine) for play in plays if mine):
            continue
        if _passes(work, rolling.before, mine):
            for play in plays:
                work.play(play, mine)
            _passes(work, rolling.after, tuple(name for name in mine if name not in work.errors))
        failed += sum(name in work.errors for name in mine)
        if failed > rolling.max_failures or work.view.leader.name in work.errors:
            return False
    return True


def _passes(work: Work, gate: Gate, batch: Batch) -> bool:
    """Look until the gate is open for that batch; one for which it stays closed has failed."""
    if gate is open_gate or not batch:
        return True
    began_s = work.fleet.clock()
    waits = _waits(work, gate, batch)
    if waits:
        with step(work.listen, batch[0], f"wait until {waits[0]}", Outcome.OK):
            while waits and work.fleet.clock() - began_s < GATE_TIMEOUT_S:
                work.listen(Waiting(batch[0], "; ".join(waits)))
                work.fleet.pause(_PAUSE_S)
                waits = _waits(work, gate, batch)
    if waits:
        work.drop({name: _closed(name, waits) for name in batch})
    return not work.errors.keys() & {*batch, work.view.leader.name}


def _waits(work: Work, gate: Gate, batch: Batch) -> tuple[str, ...]:
    """What the gate waits for, on a fresh look; nothing when there is nothing to wait for any more."""
    work.look(batch)
    if work.errors.keys() & {*batch, work.view.leader.name}:
        return ()
    return work.on_leader(lambda view: gate(view, batch), ())


def _closed(subject: str, waits: tuple[str, ...]) -> StepError:
    return StepError(
        f"{subject}: still waiting after {GATE_TIMEOUT_S} s: {'; '.join(waits)}",
        hint="Find out why; then run the same command again: it goes on from there.",
    )
