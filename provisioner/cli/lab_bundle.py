"""The lab's bundle: an existing one, else from upstream if it answers, else from Debian's sources."""

from __future__ import annotations

import os
import subprocess
import sys

from provisioner.bundle.common.machine import default_cache, machine_architecture
from provisioner.bundle.common.reading import verify
from provisioner.bundle.debian.build import absent_packages, build
from provisioner.bundle.debian.recipe import KUBERNETES_VERSION, MINOR, Recipe
from provisioner.bundle.debian.stages import stages
from provisioner.bundle.upstream import answering
from provisioner.bundle.upstream import build as upstream
from provisioner.bundle.upstream.request import Addresses, Request, check
from provisioner.core.report import Listener, Note
from provisioner.engine.session import find_bundle
from provisioner.errors import BuildError, BundleError, ProvisionerError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import AnyNetwork, Foreign, Released, is_address
from provisioner.labs import packages
from provisioner.labs.spec import RELEASES
from provisioner.paths import cache_directory, state_directory


def have_bundle(cluster: Cluster, release: str, told: Listener, mirror: str) -> None:
    """Make sure that the cluster's inventory has a bundle, and say where it is from. `release` is that of the machines.

    BundleError when there is none and none can be built.
    """
    if not cluster.settings.uses_bundle or is_at_hand(cluster):
        return
    reason = from_upstream(cluster, release, told, mirror)
    if not reason:
        return
    version = str(cluster.settings.kubernetes_version)
    if not version.startswith(MINOR):
        raise BundleError(
            f"there is no bundle of Kubernetes {version} here, and none can be built: {reason}",
            hint=f"Run it again when upstream answers, or use {KUBERNETES_VERSION}, which Debian has the source of.",
        )
    told(Note(f"bundle: from Debian's sources ({reason})"))
    _from_debian(cluster, told, mirror)
    find_bundle(cluster)


def is_at_hand(cluster: Cluster) -> bool:
    """Whether the inventory has a complete bundle; one that an older version built here is built again."""
    try:
        bundle = find_bundle(cluster)
    except BundleError:
        return False
    if bundle is None or verify(bundle):
        return False
    own = bundle.path.parent == default_cache() and bundle.path.name.startswith("debian-")
    return not own or not _is_outdated(bundle.path.name, cluster)


def from_upstream(cluster: Cluster, release: str, told: Listener, mirror: str) -> str:
    """Fetch it if upstream has it and answers; returns the reason why not, in words, empty when it was fetched."""
    try:
        want = Request(
            cluster.settings.kubernetes_version,
            cluster.settings.runtime.type,
            _network(cluster.settings.network),
            f"{RELEASES[release]}/{release}",
            machine_architecture(),
            addresses=Addresses(mirror=mirror),
        )
        check(want)
        if silent := answering.silent(want):
            return f"{silent[0]} does not answer within {answering.WITHIN_S:.0f} s"
        told(Note("bundle: from upstream, which answers"))
        if absent := upstream.absent_packages():
            packages.install(absent, told)
        upstream.build(default_cache(), want, told)
    except ProvisionerError as error:
        return error.message
    return ""


def _network(network: AnyNetwork) -> str:
    """The network as an argument of `bundle build`; UsageError when its images cannot be known in advance."""
    if isinstance(network, Foreign):
        if is_address(network.manifest):
            hint = "Fetch it, and name the file: its images have to be in the bundle."
            raise UsageError(f"network.manifest {network.manifest} is an address", hint=hint)
        return network.manifest
    version = network.version if isinstance(network, Released) else None
    return f"{network.type}:{version}" if version else network.type


def build_command(mirror: str, version: str = KUBERNETES_VERSION) -> list[str]:
    """This program's `bundle build`, to run as root, into the cache of the current user."""
    own = {"XDG_CACHE_HOME": str(cache_directory().parent), "PROVISIONER_STATE_DIR": str(state_directory())}
    environment = [f"{name}={value}" for name, value in own.items()]
    desired = {"--kubernetes": "" if version == KUBERNETES_VERSION else version, "--mirror": mirror}
    options = [word for name, value in desired.items() if value for word in (name, value)]
    return ["env", *environment, sys.executable, "-m", "provisioner", "bundle", "build", *options]


def _from_debian(cluster: Cluster, told: Listener, mirror: str) -> None:
    version = str(cluster.settings.kubernetes_version)
    if sys.platform != "linux":
        return
    if os.geteuid() == 0:
        if absent := absent_packages():
            packages.install(absent, told)
        build(default_cache(), told, kubernetes_version=version, mirror=mirror)
    elif prefix := packages.root_prefix():
        told(Note("building the bundle needs root: continuing with sudo"))
        done = subprocess.run([*prefix, *build_command(mirror, version)], check=False)
        if done.returncode:
            raise BuildError(
                f"the bundle could not be built as root: exit code {done.returncode}",
                hint="Its output above says why; its log is in the same directory as this one.",
            )


def _is_outdated(name: str, cluster: Cluster) -> bool:
    try:
        recipe = Recipe(str(cluster.settings.kubernetes_version), architecture=machine_architecture())
    except (UsageError, BundleError):  # none can be built here: a copied one is good enough
        return False
    return name != stages(recipe)[-1].directory
