"""An apt repository with its key, in the deb822 form."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.resources.files import File
from provisioner.templating import render


@dataclass(frozen=True, slots=True)
class AptRepository:
    """A flat repository (`Suites: ./`), trusted by its own key alone.

    `directory` is apt's own for permanent sources. A source that exists only while a run serves it gets a directory of
    its own, so that it never breaks the host's `apt-get update`.
    """

    name: str
    uri: str
    key: str
    directory: str = "/etc/apt/sources.list.d"

    @property
    def files(self) -> tuple[File, File]:
        """The key and the source, in the order in which they are written."""
        key_path = f"{self.directory}/{self.name}.asc"
        source = render("apt/repository.sources.j2", uri=self.uri, key_path=key_path)
        return File(key_path, self.key), File(f"{self.directory}/{self.name}.sources", source)

    @property
    def options(self) -> tuple[str, ...]:
        """Options for apt that make this the only source, with its lists separate from the host's."""
        lists = f"/var/lib/provisioner/apt/{self.name}"
        return (
            "-oDir::Etc::SourceList=/dev/null",
            f"-oDir::Etc::SourceParts={self.directory}",
            f"-oDir::State::Lists={lists}",
            "-oDir::Cache::pkgcache=",
            "-oDir::Cache::srcpkgcache=",
        )
