"""Machines of a lab that take their packages from servers of the tests, as others take them from upstream's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioner.core.report import ignore
from provisioner.labs import engine, network
from provisioner.labs.spec import RELEASES
from tests.e2e.machines import make, room_for
from tests.e2e.world import Said, World, provisioner
from tests.repositories.server import SiteServer, serving
from tests.repositories.site import NEWEST_SERIES, Site

# The plays that are about packages; what comes after them makes a cluster.
PLAYS = ("machine", "container-runtime", "kubernetes-packages")
PACKAGES_ONLY = tuple(word for play in PLAYS for word in ("--only", play))
# What a run that changes nothing leaves as it was.
PACKAGES = "{ dpkg-query -W; apt-mark showhold; find /etc/apt /etc/default -type f -exec sha256sum {} +; } | sort"

Settings = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """The machines, and the server that they can reach: `server.address` stands for upstream's servers."""

    world: World
    site: Site
    server: SiteServer

    def kubernetes(self, **other: Any) -> Settings:
        """The mirror of pkgs.k8s.io with its key from the newest minor's repository; None takes a setting away."""
        url = f"{self.server.address}/kubernetes/core:/stable:"
        print_ = self.site.keys["kubernetes"].fingerprint
        key = f"{url}/v{NEWEST_SERIES}/deb/Release.key"
        return _without_none({"type": "mirror", "url": url, "key": key, "fingerprint": print_, **other})

    def legacy(self) -> Settings:
        """The mirror in the old layout."""
        url = f"{self.server.address}/legacy"
        print_ = self.site.keys["legacy"].fingerprint
        return {"type": "legacy", "url": url, "key": f"{url}/doc/apt-key.gpg", "fingerprint": print_}

    def docker(self, version: str | None = "20.10.24", **other: Any) -> Settings:
        """The runtime: Docker at this version from the mirror of Docker's repository."""
        print_ = self.site.keys["docker"].fingerprint
        source = {"type": "mirror", "url": f"{self.server.address}/docker/linux", "fingerprint": print_, **other}
        return _without_none({"type": "docker", "version": version, "source": _without_none(source)})

    def inventory(self, name: str = "sources.yaml", /, **cluster: Any) -> Path:
        """The lab's inventory with packages from these servers and images from the bundle, and further settings."""
        settings = {"package_source": self.kubernetes(), "runtime": self.docker(), "images": "bundle", **cluster}
        document = self.world.document()
        document["all"]["vars"]["cluster"] |= settings
        path = self.world.inventory.with_name(name)
        path.write_text(yaml.safe_dump(document))
        return path

    def packages(self, command: str, *arguments: str, file: str = "sources.yaml", **cluster: Any) -> Said:
        """`plan` or `apply`, of the packages alone."""
        path = self.inventory(file, **cluster)
        return provisioner(command, "-i", str(path), "--json", *PACKAGES_ONLY, *arguments)

    def held(self, machine: str) -> dict[str, str]:
        """What is installed, configured and held on a machine, with its version."""
        query = "dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\\n'"
        rows = [line.split() for line in self.world.shell(machine, query).splitlines()]
        return {row[1]: row[2] for row in rows if row[0] == "hi"}


@contextmanager
def ground(name: str, site: Site, release: str = "bookworm", workers: int = 0) -> Iterator[Ground]:
    """A lab whose machines have the distribution's packages from here too, and nothing else yet; gone afterwards."""
    with room_for(name):
        world = make(name, workers=workers, release=release)
        with serving(site.directory, _gateway(name)) as server:
            for machine in world.machines:
                world.shell(machine, _distribution(release, server.address, site))
            yield Ground(world, site, server)


def _gateway(name: str) -> str:
    """This machine's address in the lab's network."""
    with closing(engine.ensure(ignore)) as client:
        found = network.find(client, name)
        assert found
        return str(network.subnet_of(found)[1])


def _distribution(release: str, address: str, site: Site) -> str:
    """The script that gives a machine the sources that an installed Debian or Ubuntu has."""
    source = f"deb [signed-by=/usr/share/keyrings/tests.asc] {address}/{RELEASES[release]} {release} main"
    return f"""
cat >/usr/share/keyrings/tests.asc <<'END'
{site.keys["distribution"].armored}
END
echo "{source}" >/etc/apt/sources.list
"""


def _without_none(settings: Settings) -> Settings:
    return {key: value for key, value in settings.items() if value is not None}
