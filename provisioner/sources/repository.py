"""Repositories as the inventory describes them: address, layout, key, and how other sources of the same are found."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.catalog import kubernetes, packages
from provisioner.inventory.model import Host
from provisioner.inventory.package_sources import (
    BinariesSource,
    DistributionSource,
    DockerMirrorSource,
    DockerSource,
    LegacySource,
    MirrorSource,
    Source,
    UpstreamSource,
)
from provisioner.sources.openpgp import normal
from provisioner.templating import render
from provisioner.world.facts import HostFacts
from provisioner.world.look import KEYS
from provisioner.world.view import View

KUBERNETES, DOCKER = "kubernetes", "docker"
PRODUCTS = (KUBERNETES, DOCKER)
_NEWEST = kubernetes.releases()[-1]
_UPSTREAM = packages.repository_for(_NEWEST.minor)
# https://docs.docker.com/engine/install/debian/
DOCKER_CE = "https://download.docker.com/linux"
DOCKER_FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
# Distributions that Docker's repository has a directory for.
DOCKER_DISTRIBUTIONS = frozenset(row.id for row in packages.DISTRIBUTIONS)


@dataclass(frozen=True, slots=True)
class Repository:
    """A signed apt repository for one product. `suite` is a path that ends in a slash where it is flat.

    `key_url` is empty where the key's text is known. `marks` are words by which other definitions of a source for the
    same product are recognised. Without a `uri` it stands for the sources that the host has anyway. With `binaries` it
    is not an apt repository: it has the binaries themselves, each with its checksum (see `sources.binaries`).
    """

    product: str
    uri: str
    suite: str = "/"
    components: str = ""
    architecture: str = ""
    key_url: str = ""
    fingerprint: str = ""
    marks: tuple[str, ...] = ()
    binaries: bool = False

    @property
    def signed(self) -> bool:
        """Whether it is a separate repository, which a key signs."""
        return bool(self.uri) and not self.binaries

    @property
    def key_path(self) -> str:
        """The path of its key on a host, readable for all users: apt fetches as the user _apt."""
        return KEYS[self.product]

    @property
    def path(self) -> str:
        """The path of its definition."""
        return f"/etc/apt/sources.list.d/{self.product}.sources"

    @property
    def place(self) -> str:
        """Where the packages are, in words."""
        suite = "" if self.suite == "/" else f" {self.suite}"
        return f"{self.uri}{suite}" if self.uri else "the distribution"

    def definition(self, key_path: str = "") -> str:
        """The definition in the deb822 format."""
        return render(
            "apt/signed.sources.j2",
            uri=self.uri,
            suite=self.suite,
            components=self.components,
            architecture=self.architecture,
            key_path=key_path or self.key_path,
        )


def repository(view: View, host: Host, product: str) -> Repository | None:
    """The repository of a product for this host; None when it comes from a bundle."""
    facts, settings = view.observed.facts[host.name], view.cluster.settings
    if product == KUBERNETES:
        return _kubernetes(settings.package_source, settings.kubernetes_version.series, facts.architecture)
    return _docker(settings.runtime_source, facts)


def _kubernetes(source: Source, series: str, architecture: str) -> Repository | None:
    marks: tuple[str, ...] = ("apt.kubernetes.io", "pkgs.k8s.io/core:", " kubernetes-xenial")
    match source:
        case UpstreamSource():
            uri, print_ = _UPSTREAM.url.format(series=series), _UPSTREAM.key_fingerprint
            # One key signs all minors; the copies in repositories that have ended have expired.
            key = f"{_UPSTREAM.url.format(series=_NEWEST.series)}Release.key"
            return Repository(KUBERNETES, uri, "/", "", architecture, key, print_, marks)
        case MirrorSource(url=url):
            uri = f"{_bare(url)}/v{series}/deb/"
            key, print_ = _key(source, f"{uri}Release.key")
            return Repository(KUBERNETES, uri, "/", "", architecture, key, print_, (*marks, _bare(url)))
        case LegacySource(url=url):
            key, print_ = _key(source, "")
            marks = (*marks, _bare(url))
            return Repository(
                KUBERNETES, f"{_bare(url)}/", "kubernetes-xenial", "main", architecture, key, print_, marks
            )
        case BinariesSource(url=url):
            return Repository(KUBERNETES, _bare(url), architecture=architecture, binaries=True)
    return None


def _docker(source: Source, facts: HostFacts) -> Repository | None:
    marks: tuple[str, ...] = ("download.docker.com/linux",)
    match source:
        case DockerSource():
            uri, print_ = f"{DOCKER_CE}/{facts.distribution}", DOCKER_FINGERPRINT
            key = f"{uri}/gpg"
        case DockerMirrorSource(url=url):
            uri = f"{_bare(url)}/{facts.distribution}"
            key, print_ = _key(source, f"{uri}/gpg")
            marks = (*marks, uri)
        case DistributionSource():
            return Repository(DOCKER, "", architecture=facts.architecture)
        case _:
            return None
    return Repository(DOCKER, uri, facts.codename, "stable", facts.architecture, key, print_, marks)


def _key(source: MirrorSource | LegacySource | DockerMirrorSource, usual: str) -> tuple[str, str]:
    """Where the key is fetched from, empty when the inventory names a file; its fingerprint, if that is known."""
    place = source.key or usual
    return (place if "://" in place else "", normal(source.fingerprint or ""))


def _bare(url: str) -> str:
    return url.rstrip("/")
