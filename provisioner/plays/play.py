"""A play says which hosts, how many at once, and what is desired of each of them, given what is known so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.world.view import View


@dataclass(frozen=True, slots=True)
class Play:
    """One part of a procedure. `at_once` bounds the hosts worked on in parallel; None is the run's own bound.

    `leaderless` plays are safe on a host when the leader has failed. `needs` are the titles of the plays that this one
    depends on: without them it would fail or leave something incomplete.
    """

    title: str
    hosts: Callable[[View], tuple[Host, ...]]
    desired: Callable[[View, Host], tuple[Resource, ...]]
    needs: tuple[str, ...] = ()
    leaderless: bool = False
    at_once: int | None = None


Playbook = tuple[Play, ...]


def all_hosts(view: View) -> tuple[Host, ...]:
    """Every host of the run."""
    return view.hosts


def the_leader(view: View) -> tuple[Host, ...]:
    """The leader alone, also when the run is limited to other hosts: it admits them to the cluster."""
    return (view.leader,)


def the_leader_if_chosen(view: View) -> tuple[Host, ...]:
    """The leader, unless the run is limited to other hosts."""
    return tuple(host for host in (view.leader,) if host.name in view.limit)
