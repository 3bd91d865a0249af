"""What the rules of the causes look at: who did not reach whom, and how the machines at both ends are wired. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from provisioner.core.report import Reach
from provisioner.verification.objects import NameServers
from provisioner.verification.paths import NetworkPath
from provisioner.verification.wiring import Wiring

# For the way to a node's own address in `Wiring.ways`; that to its pod goes by the node's name alone.
NODE = "node:"


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is to explain, and what it can be explained with.

    `unwell` are nodes on which no probe could be started; `wirings` and `addresses` are by node; `dns` is the
    cluster's own, None where it has none.
    """

    pods: IPv4Network
    holes: tuple[Reach, ...] = ()
    unwell: frozenset[str] = frozenset()
    wirings: Mapping[str, Wiring] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    dns: NameServers | None = None

    def ends(self, *paths: NetworkPath) -> list[str]:
        """Machines at one end of a path that does not work (of these paths, or of any), as far as they were seen."""
        holes = (hole for hole in self.holes if not paths or hole.path in paths)
        return [name for name in dict.fromkeys(end for hole in holes for end in (hole.source, hole.target))
                if name in self.wirings]  # fmt: skip

    def between(self, *paths: NetworkPath) -> list[tuple[str, str]]:
        """Pairs of machines between which a path does not work, in both directions: answers have to come back."""
        holes = [hole for hole in self.holes if not paths or hole.path in paths]
        there = [(hole.source, hole.target) for hole in holes if hole.source != hole.target]
        both = dict.fromkeys(pair for one, other in there for pair in ((one, other), (other, one)))
        return [pair for pair in both if pair[0] in self.wirings and pair[1] in self.wirings]
