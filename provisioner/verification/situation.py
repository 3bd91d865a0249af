"""What the rules of the causes look at: the paths that do not work, and how the hosts at both ends are wired. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from provisioner.core.report import Reach
from provisioner.verification.objects import NameServers
from provisioner.verification.paths import NetworkPath
from provisioner.verification.wiring import Wiring

# Prefix of the way to a node's own address in `Wiring.ways`; the way to its pod has the node's name alone.
NODE = "node:"


@dataclass(frozen=True, slots=True)
class Situation:
    """What has to be explained, and the data to explain it with.

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
        """Hosts at one end of a path that does not work (of these paths, or of any), as far as they answered."""
        holes = (hole for hole in self.holes if not paths or hole.path in paths)
        return [name for name in dict.fromkeys(end for hole in holes for end in (hole.source, hole.target))
                if name in self.wirings]  # fmt: skip

    def between(self, *paths: NetworkPath) -> list[tuple[str, str]]:
        """Pairs of hosts between which a path does not work, in both directions: answers have to come back."""
        holes = [hole for hole in self.holes if not paths or hole.path in paths]
        there = [(hole.source, hole.target) for hole in holes if hole.source != hole.target]
        both = dict.fromkeys(pair for one, other in there for pair in ((one, other), (other, one)))
        return [pair for pair in both if pair[0] in self.wirings and pair[1] in self.wirings]
