"""What a source of packages means on one host. Plays use this value and know no kinds of sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.core.resource import Resource
from provisioner.resources.binaries import Binary
from provisioner.resources.packages import Packages


@dataclass(frozen=True, slots=True)
class Source:
    """Where the packages of one product come from on a host, and at which exact versions.

    `resources` make the source usable (keys, definitions, files that must be absent) and come before the packages;
    `options` are apt's for this source; `versions` are exact, by package. `shared` and `hashes` are those of
    `Packages`. `binaries` are installed instead of packages. When a file in `restarts` changes, the product's service
    is restarted.
    """

    resources: tuple[Resource, ...] = ()
    options: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    hashes: tuple[tuple[str, str], ...] = ()
    binaries: tuple[Binary, ...] = ()
    restarts: tuple[str, ...] = ()

    def packages(self, title: str) -> Packages:
        """All packages of the product, at these versions."""
        return Packages(title, tuple(self.versions.items()), self.options, self.shared, self.hashes)

    def installed(self, title: str) -> tuple[Resource, ...]:
        """All of the product at these versions, as packages or as binaries."""
        return self.binaries or (self.packages(title),)
