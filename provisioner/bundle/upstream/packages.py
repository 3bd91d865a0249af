"""The bundle's packages: the versions, their dependencies, the download with its checks, and the repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from provisioner.bundle.common.process import SPEAKER
from provisioner.bundle.common.reading import sha256_of
from provisioner.bundle.upstream import room
from provisioner.bundle.upstream.apt import Apt, Package
from provisioner.bundle.upstream.request import Request
from provisioner.bundle.upstream.room import MIB
from provisioner.bundle.upstream.signing import file_name, sign, write_indexes
from provisioner.core.report import Listener, Waiting
from provisioner.errors import BuildError, UsageError
from provisioner.sources.repository import KUBERNETES
from provisioner.sources.versions import nearest, newest
from provisioner.sources.wanted import Want

# What kubelet and kubeadm call, and basic tools of a host; from the distribution. busybox is for the probe.
TOOLS = ("ca-certificates", "conntrack", "ebtables", "ethtool", "iproute2", "iptables", "kmod", "procps", "socat")
BUSYBOX = "busybox-static"


def choose(request: Request, apt: Apt) -> dict[str, str]:
    """The exact version of each package that is wanted by name; UsageError for one that no source has."""
    found = {}
    for product, wants in request.wants.items():
        for want in wants:
            there = apt.versions(want.package)
            version = newest(one for one in there if want.good(one)) or (newest(there) if want.optional else "")
            if version:
                found[want.package] = version
            elif not want.optional:
                raise _missing(want, there, product, request)
    return found


def _missing(want: Want, there: tuple[str, ...], product: str, request: Request) -> UsageError:
    at = request.addresses.kubernetes if product == KUBERNETES else request.addresses.docker
    near = ", ".join(nearest(there, want.version or str(request.version)))
    said = f"{want.package} {want.version}".strip()
    fitting = "" if want.version else f" that goes with Kubernetes {request.version.series}"
    hint = f"It has: {near}." if near else "It has none at all: does it serve this distribution and architecture?"
    return UsageError(f"{at}: there is no {said}{fitting}", hint=hint)


def fetch(wanted: Iterable[str], apt: Apt, kept: Path, listen: Listener) -> tuple[Package, ...]:
    """Packages (names, or `name=version`) with all they need: fetched to `kept`, each as its index says."""
    packages = apt.describe(apt.closure(wanted))
    kept.mkdir(exist_ok=True)
    missing = [package for package in packages if not _is_there(package, kept)]
    size = sum(package.size for package in missing)
    room.require(kept, size, "the packages")
    have = f", {len(packages) - len(missing)} are here already" if len(missing) < len(packages) else ""
    listen(Waiting(SPEAKER, f"packages: {len(missing)} with {size / MIB:.0f} MiB{have}"))
    if missing:
        apt.download(missing, kept)
    for package in missing:
        _require(package, kept / package.file)
    return packages


def make_repository(packages: Iterable[Package], kept: Path, into: Path, request: Request, apt: Apt) -> None:
    """Write the bundle's repository from fetched packages into an empty directory."""
    members = sorted(packages, key=lambda package: package.name)
    for package in members:
        shutil.copyfile(kept / package.file, into / file_name(package))
    write_indexes(into, members, request.machines.codename, request.architecture)
    sign(into, f"provisioner bundle {request.machines.codename} {request.version}", apt.runner)


def _is_there(package: Package, kept: Path) -> bool:
    """Whether it has been fetched before; a file with a wrong hash is removed."""
    path = kept / package.file
    if path.is_file() and sha256_of(path) != package.sha256:
        path.unlink()
    return path.is_file()


def _require(package: Package, path: Path) -> None:
    if not path.is_file() or sha256_of(path) != package.sha256:
        raise BuildError(
            f"{package.name} {package.version}: what was fetched is not what its index says (SHA-256 {package.sha256})",
            hint="Try again, or use another mirror.",
        )
