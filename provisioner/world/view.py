"""Everything that is known about the hosts and the cluster: what a play may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.inventory.values import Secret
from provisioner.world.cluster import ClusterState
from provisioner.world.facts import HostFacts, HostState
from provisioner.world.lock import Holder
from provisioner.world.look import Section
from provisioner.world.network import Decision, Ways
from provisioner.world.offers import Answer

if TYPE_CHECKING:
    from provisioner.bundle.common.reading import Bundle
    from provisioner.core.objects import Objects
    from provisioner.inventory.model import Cluster, Host

T = TypeVar("T")


def once(compute: Callable[[View], T]) -> Callable[[View], T]:
    """Compute it once for each view: what all hosts have in common would cost the square of their number."""

    @wraps(compute)
    def of(view: View) -> T:
        if compute not in view.known:
            view.known[compute] = compute(view)
        found: T = view.known[compute]
        return found

    return of


@dataclass(frozen=True, slots=True)
class Materials:
    """What a run brings along. Random values, secrets and files are read or made once, by the engine, and passed here.

    `bundle` is None when nothing comes from a bundle, `bundle_key` is its public key, armored. `network` is the network
    plug-in's manifest as it was found; None when it has none. `files` are the texts of the files that the inventory
    names and that are written to hosts. `source_keys` are the keys that it names as files, by product, armored;
    `pinned` are the versions of the lock file, by platform and product, `image_digests` its digests, by the image's
    name. `run` is this run's id.
    """

    run: str = ""
    join_token: Secret = field(default_factory=lambda: Secret("", "join token"))
    bundle: Bundle | None = None
    bundle_key: str = ""
    network: Objects | None = None
    files: Mapping[Path, str] = field(default_factory=dict)
    source_keys: Mapping[str, str] = field(default_factory=dict)
    pinned: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    image_digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen in this run, each in its latest state.

    `facts` and `states` hold the hosts that were reached; `live` is the cluster as its leader sees it, None as long as
    there is none; `answering` are the control planes whose API server has answered; `lock` is the holder of the run
    lock; `told` are the answers to the procedure's own questions, by host and name of the question. `answers` are those
    of package sources, by host and product; `ways` is what was measured between the hosts. `now_s` is when they were
    looked at, in seconds since 1970.
    """

    now_s: float = 0.0
    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    states: Mapping[str, HostState] = field(default_factory=dict)
    live: ClusterState | None = None
    answering: frozenset[str] = frozenset()
    lock: Holder | None = None
    told: Mapping[tuple[str, str], str] = field(default_factory=dict)
    answers: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    ways: Ways = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided from it, once for all plays: each host's address, interface and path MTU."""

    addresses: Mapping[str, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """Everything a play may know: the inventory and the hosts that this run is limited to, what was brought along, what
    was seen, and what was decided. `lost` are hosts that have failed in this run; `asked` are the questions that the
    procedure adds to each look. `known` is what `once` has computed from it.
    """

    cluster: Cluster
    limit: frozenset[str] = frozenset()
    materials: Materials = Materials()
    observed: Observed = Observed()
    decided: Decided = Decided()
    asked: tuple[Section, ...] = ()
    lost: frozenset[str] = frozenset()
    known: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_observed(self, **changes: Any) -> View:
        """The same view with other observations."""
        return replace(self, observed=replace(self.observed, **changes))

    def without(self, names: Iterable[str]) -> View:
        """The same view after these hosts have failed."""
        return replace(self, limit=self.limit - set(names), lost=self.lost | set(names))

    @property
    @once
    def hosts(self) -> tuple[Host, ...]:
        """The hosts that this run works on: reached, and within its limit."""
        return tuple(
            host for host in self.cluster.hosts if host.name in self.observed.facts and host.name in self.limit
        )

    @property
    @once
    def leader(self) -> Host:
        """A control plane whose API server has answered in this look; else one that has a cluster; else the first one,
        which will have it, also when that has failed: no other one may then begin a second cluster.
        """
        reached = [host for host in self.cluster.control_planes if host.name in self.observed.facts]
        left = [host for host in reached if host.name not in self.lost]
        answering = [host for host in left if host.name in self.observed.answering]
        having = [host for host in left if self.observed.states[host.name].initialised]
        return next(iter((*answering, *having, *reached, *self.cluster.control_planes)))
