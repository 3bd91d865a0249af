"""Which packages make up a product, and which of the versions that a source offers is right for each. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provisioner.catalog import binaries
from provisioner.catalog.runtimes import Name, docker_for, ranges_for
from provisioner.inventory.model import ClusterSettings, Host
from provisioner.inventory.package_sources import BinariesSource, DistributionSource
from provisioner.sources.repository import KUBERNETES
from provisioner.sources.versions import is_of, newest, order, upstream
from provisioner.world.offers import Answer
from provisioner.world.view import View

# The last Docker that is made for containerd 1; https://docs.docker.com/engine/release-notes/29/
_LAST_DOCKER_WITH_CONTAINERD_1 = 28


def _any(version: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Want:
    """A package of a product. `version` is the upstream version it must have; empty: the newest that `fits`.

    `optional` packages are not in every source, or no longer.
    """

    package: str
    version: str = ""
    fits: Callable[[str], bool] = _any
    optional: bool = False

    def good(self, version: str) -> bool:
        """Whether this version of the package is suitable."""
        return is_of(version, self.version) if self.version else self.fits(version)


def wanted(view: View, product: str) -> tuple[Want, ...]:
    """The packages of a product, as the inventory wants them."""
    settings = view.cluster.settings
    minor = settings.kubernetes_version.minor
    if product == KUBERNETES and isinstance(settings.package_source, BinariesSource):
        return _binaries(settings, settings.package_source)
    if product == KUBERNETES:
        version = str(settings.kubernetes_version)
        main = tuple(Want(name, version) for name in ("kubeadm", "kubectl", "kubelet"))
        # A crictl uses the CRI version of its time; newer plug-ins work with every kubelet.
        tools = Want("cri-tools", fits=_not_above(minor), optional=True)
        return (*main, Want("kubernetes-cni", optional=True), tools)
    version, of_distribution = settings.runtime.version or "", isinstance(settings.runtime_source, DistributionSource)
    if settings.runtime.type == "containerd":
        package = Want("containerd" if of_distribution else "containerd.io", version, _fits("containerd", minor))
        return (package, *((Want("runc"),) if of_distribution else ()))
    return _docker(settings, version, of_distribution)


def _binaries(settings: ClusterSettings, source: BinariesSource) -> tuple[Want, ...]:
    minor = settings.kubernetes_version.minor
    main = (Want(name, str(settings.kubernetes_version)) for name in ("kubeadm", "kubectl", "kubelet"))
    # The kubelet's own shim talks to Docker without crictl, and kubeadm knows that.
    by_shim = settings.runtime.type == "docker" and docker_for(minor) is Name.DOCKERSHIM
    crictl = source.crictl_version or ("" if by_shim else binaries.crictl_version(minor))
    tools = (Want("cri-tools", crictl),) if crictl else ()
    return (*main, Want("kubernetes-cni", source.cni_version), *tools)


def _docker(settings: ClusterSettings, version: str, of_distribution: bool) -> tuple[Want, ...]:
    minor = settings.kubernetes_version.minor
    fits, shim = _fits("docker", minor), docker_for(minor) is Name.DOCKERSHIM
    # Neither Docker's repository nor a distribution has it: it is used where it is installed already.
    bridge = () if shim else (Want("cri-dockerd", optional=True),)
    if of_distribution:
        return (Want("containerd"), Want("docker.io", version, fits), Want("runc"), *bridge)
    # With the kubelet's shim only Docker talks to containerd, and that Docker was made for containerd 1.
    containerd = _containerd_for(version or (f"{_LAST_DOCKER_WITH_CONTAINERD_1}" if shim else ""))
    docker = (Want(name, version, fits) for name in ("docker-ce", "docker-ce-cli"))
    return (Want("containerd.io", fits=containerd), *docker, *bridge)


def _fits(program: str, minor: int) -> Callable[[str], bool]:
    """Whether the catalog says that a version of this program works with that minor release of Kubernetes."""
    rows = ranges_for(program, minor)
    return lambda version: all(
        (not row.at_least or order(row.at_least) <= order(upstream(version)))
        and (not row.below or order(upstream(version)) < order(row.below))
        for row in rows
    )


def _not_above(minor: int) -> Callable[[str], bool]:
    return lambda version: _number(version, 2) <= minor


def _containerd_for(docker: str) -> Callable[[str], bool]:
    most = 1 if docker and _number(docker, 1) <= _LAST_DOCKER_WITH_CONTAINERD_1 else 99
    return lambda version: _number(version, 1) <= most


def _number(version: str, place: int) -> int:
    """The first or second number of a version."""
    numbers = re.findall(r"\d+", upstream(version))
    return int(numbers[place - 1]) if len(numbers) >= place else 0


def names(view: View, product: str) -> tuple[str, ...]:
    """The packages' names."""
    return tuple(want.package for want in wanted(view, product))


def _has(view: View, host: Host, product: str) -> Mapping[str, str]:
    """The versions that are installed on the host, as packages or as binaries without a package."""
    state = view.observed.states[host.name]
    if product == KUBERNETES and isinstance(view.cluster.settings.package_source, BinariesSource):
        return {name: one.version for name, one in state.binaries.items()}
    return state.packages


def is_there(view: View, host: Host, product: str) -> bool:
    """Whether the host has everything that is required, as desired, so that no source need be asked."""
    has = _has(view, host, product)
    return all(
        want.package in has and want.good(has[want.package]) for want in wanted(view, product) if not want.optional
    )


def versions_for(view: View, host: Host, product: str) -> dict[str, str]:
    """The exact version of each package. A suitable installed version stays, unless a lock file says otherwise."""
    has, answer = _has(view, host, product), view.observed.answers.get((host.name, product))
    found = {want.package: _choice(want, has, answer) for want in wanted(view, product)}
    return {package: version for package, version in found.items() if version}


def _choice(want: Want, has: Mapping[str, str], answer: Answer | None) -> str:
    now = has.get(want.package, "")
    if now and want.good(now) and not (answer and answer.pinned):
        return now
    offered = answer.versions(want.package) if answer else ()
    good = newest(version for version in offered if want.good(version))
    return good or (newest(offered) if want.optional else "")


def lacking(view: View, host: Host, product: str) -> tuple[Want, ...]:
    """The required packages that the source does not have."""
    found = versions_for(view, host, product)
    return tuple(want for want in wanted(view, product) if not want.optional and want.package not in found)
