"""A procedure as one value: what is done, in which order, what is checked first, and what has to be confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provisioner.errors import Problem
from provisioner.inventory.model import Cluster
from provisioner.plays.play import AnyPlay
from provisioner.world.look import Section
from provisioner.world.view import View

Batch = tuple[str, ...]
Rules = Callable[[View], tuple[Problem, ...]]
# What is still waited for before or after a batch, in words; nothing when the run may continue. Given is what was seen
# before the batch began, and what is seen now.
Gate = Callable[[View, View, Batch], tuple[str, ...]]
# How long a gate is waited for: a node is evicted from after five minutes of silence, so this is time to come back.
GATE_TIMEOUT_S = 300


def open_gate(began: View, now: View, batch: Batch) -> tuple[str, ...]:
    """Nothing is waited for."""
    return ()


def unchanged(cluster: Cluster) -> Cluster:
    """The inventory says which versions the procedure goes to."""
    return cluster


@dataclass(frozen=True, slots=True)
class Rolling:
    """Plays for one batch of subjects after the other: a batch goes through all of them before the next one begins.

    `batches` are the names of the subjects, in order; one with nothing to do is passed over. `before` and `after` are
    asked on a fresh look until they let the run continue. After more than `max_failures` failed subjects, no other
    batch is begun: that `ends` the procedure, or it goes on without the subjects that are left.
    """

    plays: tuple[AnyPlay, ...]
    batches: Callable[[View], tuple[Batch, ...]]
    before: Gate = open_gate
    after: Gate = open_gate
    max_failures: int = 0
    ends: bool = True


Block = AnyPlay | Rolling


@dataclass(frozen=True, slots=True)
class Procedure:
    """`name` is its command, as a saved plan and the run lock record it. `blocks` are its plays, in order.

    `rules` is what must be true before anything is changed; `target` gives the inventory with the versions that it goes
    to. `confirm` is what the user has to agree to before it begins, empty when there is nothing to agree to. `asks` are
    its own questions in each look.
    """

    name: str
    blocks: tuple[Block, ...]
    rules: Rules
    target: Callable[[Cluster], Cluster] = unchanged
    confirm: str = ""
    needs_bundle: bool = True
    asks: tuple[Section, ...] = ()

    @property
    def plays(self) -> tuple[AnyPlay, ...]:
        """All plays, in order; their titles are different."""
        return tuple(play for block in self.blocks for play in plays_of(block))


def plays_of(block: Block) -> tuple[AnyPlay, ...]:
    """The plays of a block."""
    return block.plays if isinstance(block, Rolling) else (block,)


def turns(block: Block, view: View) -> Iterator[tuple[Batch, AnyPlay]]:
    """In which order the plays of a block are done, each for a batch; an empty batch is all subjects at once."""
    for batch in block.batches(view) if isinstance(block, Rolling) else ((),):
        for play in plays_of(block):
            yield batch, play
