"""A play defines its subjects, how many are worked on in parallel, and the desired state of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.world.view import View


class Subject(Protocol):
    """What a step is about: a host of the inventory, or a node of the cluster that is in no inventory."""

    @property
    def name(self) -> str:
        """Its name; a host and its node have the same."""
        ...


S = TypeVar("S", bound=Subject)
Hosts = Callable[[View], tuple[Host, ...]]


@dataclass(frozen=True, slots=True)
class Play(Generic[S]):
    """One part of a procedure. `at_once` limits the subjects worked on in parallel; None is the run's own limit.

    Commands run on the subject itself, or `at` a host: a node is drained on the leader, and when that fails, the node
    has failed. `leaderless` plays are safe on a host when the leader has failed. `needs` are the titles of the plays
    that this one depends on: without them it would fail or leave something incomplete.
    """

    title: str
    subjects: Callable[[View], tuple[S, ...]]
    desired: Callable[[View, S], tuple[Resource, ...]]
    needs: tuple[str, ...] = ()
    leaderless: bool = False
    at_once: int | None = None
    at: Callable[[View], Host] | None = None

    def place(self, view: View) -> str:
        """The host on which its commands run; empty: on each subject itself."""
        return self.at(view).name if self.at else ""


AnyPlay = Play[Any]


def all_hosts(view: View) -> tuple[Host, ...]:
    """Every host of the run."""
    return view.hosts


def leader(view: View) -> Host:
    """The leader, for what is done there about something else."""
    return view.leader


def the_leader(view: View) -> tuple[Host, ...]:
    """Only the leader, also when the run is limited to other hosts: it adds them to the cluster."""
    return (view.leader,)


def the_leader_if_chosen(view: View) -> tuple[Host, ...]:
    """The leader, unless the run is limited to other hosts."""
    return tuple(host for host in (view.leader,) if host.name in view.limit)
