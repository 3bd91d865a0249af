"""A play says which hosts, how many at once, and what is wished for each of them, given what is known so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.core.cluster import ClusterState
from provisioner.core.facts import HostFacts, HostState
from provisioner.core.lock import Holder
from provisioner.core.network import Decision, Ways
from provisioner.core.offers import Answer
from provisioner.inventory.values import Secret

if TYPE_CHECKING:
    from provisioner.bundle.reading import Bundle
    from provisioner.core.objects import Objects
    from provisioner.core.resource import Resource
    from provisioner.inventory.model import Cluster, Host


@dataclass(frozen=True, slots=True)
class View:
    """Everything a play may know. Randomness, time and secrets are made by the engine and come in here.

    `bundle` is None when nothing comes from one. `facts` and `states` hold the hosts that were reached; `live` is
    the cluster as its leader sees it, None as long as there is none. `run` is this run's id, `lock` who works on the
    cluster. `files` is the text of the files that the inventory names and that are put on machines. `answers` are
    those of package sources, by host and product; `pinned` those of the versions' lock file, by platform and product;
    `source_keys` are the keys that the inventory names as files, by product, armored. `image_digests` are those of the
    lock file, by the image's name. `ways` is what was measured between the machines in this run, `decisions` what was
    made of it, by host. `network` is the network plug-in's manifest as it was found; None when it has none.
    """

    cluster: Cluster
    bundle: Bundle | None = None
    bundle_key: str = ""
    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    states: Mapping[str, HostState] = field(default_factory=dict)
    live: ClusterState | None = None
    join_token: Secret = field(default_factory=lambda: Secret("", "join token"))
    now_s: float = 0.0
    limit: frozenset[str] = frozenset()
    run: str = ""
    answers: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    pinned: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    source_keys: Mapping[str, str] = field(default_factory=dict)
    image_digests: Mapping[str, str] = field(default_factory=dict)
    network: Objects | None = None
    lock: Holder | None = None
    files: Mapping[Path, str] = field(default_factory=dict)
    ways: Ways = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts that this run works on: reached, and within its limit."""
        return tuple(host for host in self.cluster.hosts if host.name in self.facts and host.name in self.limit)

    @property
    def leader(self) -> Host:
        """A control plane that carries the cluster, or the one that will be initialised."""
        planes = [host for host in self.cluster.control_planes if host.name in self.facts]
        return next((host for host in planes if self.states[host.name].initialised), planes[0])


@dataclass(frozen=True, slots=True)
class Play:
    """One part of a procedure. `at_once` bounds the hosts worked on in parallel; None is the run's own bound.

    `leaderless` plays are safe on a machine whose leader has failed. `needs` are the titles of plays without whose
    work this one's would fail or leave something half-done.
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
    """The leader alone, whether or not the run is limited to other hosts: it is where these are admitted."""
    return (view.leader,)


def the_leader_if_chosen(view: View) -> tuple[Host, ...]:
    """The leader, unless the run is limited to other hosts."""
    return tuple(host for host in (view.leader,) if host.name in view.limit)
