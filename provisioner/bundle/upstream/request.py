"""What the user asks for, checked before anything is fetched: the catalog knows what goes together. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from provisioner.catalog import kubernetes, packages, runtimes
from provisioner.catalog.kubernetes import Release
from provisioner.catalog.packages import Distribution
from provisioner.errors import UsageError
from provisioner.inventory.model import Cluster, ClusterSettings
from provisioner.inventory.package_sources import UpstreamSource
from provisioner.inventory.values import Version
from provisioner.sources.repository import DOCKER, DOCKER_CE, KUBERNETES
from provisioner.sources.wanted import Want, wanted
from provisioner.world.view import View

# pkgs.k8s.io without the part for one minor release.
KUBERNETES_URL = "https://pkgs.k8s.io/core:/stable:"
DNS = "coredns"
RUNTIMES = ("containerd", "docker")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is fetched: upstream, or mirrors of the same shape.

    `registry` stands for all registries, `mirror` for the distribution's archive; empty: their own. A key's file
    replaces the key with the known fingerprint, for mirrors that sign with a key of their own.
    """

    kubernetes: str = KUBERNETES_URL
    docker: str = DOCKER_CE
    registry: str = ""
    mirror: str = ""
    kubernetes_key: Path | None = None
    docker_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A bundle for one version, one runtime, one network, one distribution and one architecture.

    Empty, `runtime` is the usual one of the release. `network` is a plug-in's name, with `:VERSION` or
    without, or a manifest's file. `without` names images that are left out.
    """

    version: Version
    runtime: str = ""
    network: str = "bridge"
    distribution: str = "debian/bookworm"
    architecture: str = "amd64"
    without: tuple[str, ...] = ()
    addresses: Addresses = field(default_factory=Addresses)

    @property
    def release(self) -> Release:
        """The catalog's row; UsageError for a release that it does not have."""
        if row := kubernetes.release(self.version.series):
            return row
        known = kubernetes.releases()
        message = f"Kubernetes {self.version.series} is not in the catalog"
        raise UsageError(message, hint=f"It has {known[0].series} to {known[-1].series}: `provisioner versions`.")

    @property
    def machines(self) -> Distribution:
        """The hosts' distribution; UsageError when the catalog does not know it."""
        name, _, codename = self.distribution.partition("/")
        if row := packages.distribution(name, codename):
            return row
        known = ", ".join(f"{row.id}/{row.codename}" for row in packages.DISTRIBUTIONS)
        raise UsageError(f"{self.distribution}: is not a known distribution", hint=f"Known are: {known}.")

    @property
    def wants(self) -> dict[str, tuple[Want, ...]]:
        """The packages that hosts with such an inventory would ask for, by product."""
        view = View(Cluster(path=Path(), settings=self._settings, hosts=()))
        return {product: wanted(view, product) for product in (KUBERNETES, DOCKER)}

    @property
    def runtime_type(self) -> str:
        """The type of the runtime, as in an inventory."""
        shim = runtimes.docker_for(self.release.minor) is runtimes.Name.DOCKERSHIM
        return self.runtime or ("docker" if shim else "containerd")

    @property
    def _settings(self) -> ClusterSettings:
        return ClusterSettings.model_validate({
            "kubernetes_version": self.version,
            "runtime": {"type": self.runtime_type},
            "package_source": UpstreamSource(),
        })  # fmt: skip


def check(request: Request) -> None:
    """UsageError for what is not possible; the hint says what is."""
    release, _ = request.release, request.machines
    upstream = packages.repository_for(release.minor)
    if not upstream.url and request.addresses.kubernetes == KUBERNETES_URL:
        raise UsageError(
            f"upstream publishes no packages of Kubernetes {release.series} any more, only of 1.24 and later",
            hint="Name a mirror of the same shape (--kubernetes-url), or build 1.20 from Debian: --from debian.",
        )
    if others := set(request.without) - {DNS}:
        raise UsageError(f"a cluster needs {', '.join(sorted(others))}", hint=f"Only {DNS} can be left out.")
    _check_runtime(request, release)


def _check_runtime(request: Request, release: Release) -> None:
    shim = runtimes.docker_for(release.minor) is runtimes.Name.DOCKERSHIM
    if request.runtime_type == "docker" and not shim:
        raise UsageError(
            f"Kubernetes {release.series} reaches Docker through cri-dockerd, which is in no package repository",
            hint="Use --runtime containerd.",
        )
    if request.runtime_type not in RUNTIMES:
        message = f"{request.runtime_type}: this runtime is not in Docker's repository"
        raise UsageError(message, hint=f"Available are: {', '.join(RUNTIMES)}.")
