"""What a source of packages comes down to on one machine. Plays know this value and no kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.core.resource import Resource
from provisioner.resources.packages import Packages
from provisioner.resources.programs import Program


@dataclass(frozen=True, slots=True)
class Source:
    """Where the packages of one product come from on a machine, and at which exact versions.

    `resources` make the source usable (keys, definitions, files that must not be there) and are wished before the
    packages; `options` are apt's for this source; `versions` are exact, by package. `shared` and `hashes` are what
    `Packages` says of them. `programs` are what is installed in the place of packages, `restarts` the files for which
    the product's service restarts.
    """

    resources: tuple[Resource, ...] = ()
    options: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    hashes: tuple[tuple[str, str], ...] = ()
    programs: tuple[Program, ...] = ()
    restarts: tuple[str, ...] = ()

    def packages(self, title: str) -> Packages:
        """All packages of the product, at these versions."""
        return Packages(title, tuple(self.versions.items()), self.options, self.shared, self.hashes)

    def installed(self, title: str) -> tuple[Resource, ...]:
        """All of the product at these versions, as packages or as programs."""
        return self.programs or (self.packages(title),)
