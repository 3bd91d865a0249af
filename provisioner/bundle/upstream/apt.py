"""apt itself, in a directory of its own: it checks signatures and hashes and resolves dependencies, as on a host with
that distribution where nothing is installed. It needs no root and does not touch this machine's packages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner import failures
from provisioner.bundle.common.machine import machine_apt_options, proxies
from provisioner.bundle.common.mirror import stanzas
from provisioner.bundle.common.packages import MINIMAL, fetched
from provisioner.bundle.common.process import Runner
from provisioner.errors import BuildError

DIRECTORIES = ("etc/apt.conf.d", "etc/sources.list.d", "etc/preferences.d", "etc/trusted.gpg.d", "keys",
           "state/lists/partial", "cache/archives/partial")  # fmt: skip
# All settings of apt that would otherwise be this machine's.
CONFIGURATION = """\
Dir "{home}";
Dir::Etc "etc";
Dir::State "state";
Dir::State::status "/dev/null";
Dir::Cache "cache";
Dir::Log "log";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A package as a signed index describes it: `stanza` is that description, `size` counts bytes."""

    name: str
    version: str
    size: int
    sha256: str
    file: str
    stanza: str


@dataclass(frozen=True, slots=True)
class Apt:
    """apt below `home`; `runner` keeps its output."""

    home: Path
    runner: Runner

    def prepare(self, architecture: str, definitions: Mapping[str, str]) -> None:
        """Make the directory, with these files of sources by name, and fetch the sources' package lists."""
        for directory in DIRECTORIES:
            (self.home / directory).mkdir(parents=True, exist_ok=True)
        options = "".join(f"{line}\n" for line in machine_apt_options())
        self._configuration.write_text(CONFIGURATION.format(home=self.home, architecture=architecture) + options)
        for name, text in definitions.items():
            (self.home / "etc/sources.list.d" / name).write_text(text)
        self._run("asking the repositories", "apt-get", "update")

    def versions(self, name: str) -> tuple[str, ...]:
        """The available versions of a package, from all sources."""
        rows = self._read("apt-cache", "madison", name).splitlines()
        return tuple(dict.fromkeys(row.split("|")[1].strip() for row in rows if row.count("|") >= 2))

    def closure(self, wanted: Iterable[str]) -> list[str]:
        """`name=version` of these (names, or the same) and of all they need that a minimal host lacks."""
        question = ("apt-get", "install", "--yes", "--print-uris")
        needed, minimal = (fetched(self._read(*question, *names)) for names in (tuple(wanted), MINIMAL))
        return [f"{name}={version}" for name, version in sorted(needed.items()) if name not in minimal]

    def describe(self, exact: Iterable[str]) -> tuple[Package, ...]:
        """What the indexes say of packages named `name=version`."""
        names = tuple(exact)
        text = self._read("apt-cache", "show", "--no-all-versions", *names)
        found = {package.name: package for package in map(_package, re.split(r"\n\s*\n", text.strip()))}
        return tuple(found.values())

    def download(self, packages: Iterable[Package], into: Path) -> None:
        """Fetch packages into a directory; those that exist already stay as they are."""
        exact = [f"{package.name}={package.version}" for package in packages]
        self._run("fetching packages", "env", f"--chdir={into}", "apt-get", "download", *exact)

    def _run(self, what: str, *argv: str) -> None:
        try:
            self.runner.run(argv, self._environment)
        except BuildError as error:
            hint = f"{failures.hint(error.details)} The whole output is in {self.runner.log}."
            raise BuildError(f"{what} failed", details=error.details, hint=hint) from error

    def _read(self, *argv: str) -> str:
        return self.runner.read(argv, self._environment)

    @property
    def _configuration(self) -> Path:
        return self.home / "apt.conf"

    @property
    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | proxies() | {"APT_CONFIG": str(self._configuration), "LC_ALL": "C.UTF-8"}


def _package(stanza: str) -> Package:
    told = next(stanzas(stanza))
    file = f"{told['package']}_{told['version'].replace(':', '%3a')}_{told['architecture']}.deb"
    return Package(told["package"], told["version"], int(told["size"]), told["sha256"], file, stanza)
