"""A procedure as one value: what is done, in which order, what is checked first, and what has to be confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provisioner.errors import Problem
from provisioner.inventory.model import Cluster
from provisioner.inventory.values import Version
from provisioner.plays.play import AnyPlay
from provisioner.world.look import Section
from provisioner.world.view import View

Batch = tuple[str, ...]
Rules = Callable[[View], tuple[Problem, ...]]
# How long a gate is waited for: a node is evicted from after five minutes of silence, so this is time to come back.
GATE_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch and what was seen of it: `before` it began, and as soon as its plays were `done`."""

    batch: Batch
    before: View
    done: View


# What is still waited for before or after a batch, by what is seen now, in words; nothing when the run may continue.
Gate = Callable[[Turn, View], tuple[str, ...]]


def open_gate(turn: Turn, now: View) -> tuple[str, ...]:
    """Nothing is waited for."""
    return ()


@dataclass(frozen=True, slots=True)
class Rolling:
    """Plays for one batch of subjects after the other: a batch goes through all of them before the next one begins.

    `batches` are the names of the subjects, in order; one with nothing to do is passed over. `before` and `after` are
    asked on a fresh look until they let the run continue; `asks` are their questions. After more than `max_failures`
    failed subjects, no other batch is begun: that `ends` the procedure, or it goes on without those that are left.
    """

    plays: tuple[AnyPlay, ...]
    batches: Callable[[View], tuple[Batch, ...]]
    before: Gate = open_gate
    after: Gate = open_gate
    asks: tuple[Section, ...] = ()
    max_failures: int = 0
    ends: bool = True


Block = AnyPlay | Rolling


@dataclass(frozen=True, slots=True)
class Procedure:
    """`name` is its command, as a saved plan and the run lock record it. `blocks` are its plays, in order.

    `rules` is what must be true before anything is changed; `target` is the Kubernetes version that it goes to, None:
    that of the inventory. `confirm` is what the user has to agree to before it begins, empty when there is nothing to
    agree to. Without `needs_bundle` nothing is installed. Without `needs_quorum` it works on a cluster that has lost
    most of its control planes: the run lock is taken on those that answer, and the user types the cluster's name.
    `asks` are its own questions in each look.
    """

    name: str
    blocks: tuple[Block, ...]
    rules: Rules
    target: Version | None = None
    confirm: str = ""
    needs_bundle: bool = True
    needs_quorum: bool = True
    asks: tuple[Section, ...] = ()

    @property
    def plays(self) -> tuple[AnyPlay, ...]:
        """All plays, in order; their titles are different."""
        return tuple(play for block in self.blocks for play in plays_of(block))

    @property
    def needed_locks(self) -> int | None:
        """On how many control planes the run lock has to be taken; None: on a majority."""
        return None if self.needs_quorum else 1

    def aimed(self, cluster: Cluster) -> Cluster:
        """The inventory, with the version that this procedure goes to."""
        if self.target is None:
            return cluster
        settings = cluster.settings.model_copy(update={"kubernetes_version": self.target})
        return cluster.model_copy(update={"settings": settings})


def plays_of(block: Block) -> tuple[AnyPlay, ...]:
    """The plays of a block."""
    return block.plays if isinstance(block, Rolling) else (block,)


def turns(block: Block, view: View) -> Iterator[tuple[Batch, AnyPlay]]:
    """In which order the plays of a block are done, each for a batch; an empty batch is all subjects at once."""
    for batch in block.batches(view) if isinstance(block, Rolling) else ((),):
        for play in plays_of(block):
            yield batch, play
