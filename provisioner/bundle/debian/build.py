"""The entry point: a finished bundle is found, an unfinished build continues, and what cannot be built is refused
before anything is begun.

The cache holds finished bundles (`debian-RELEASE-VERSION-ARCHITECTURE-KEY`) and, beside them, the stages they
were made of, which make the next build fast: `discard_stages` frees their space.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from provisioner.bundle.common.machine import machine_architecture
from provisioner.bundle.common.manifest import MANIFEST
from provisioner.bundle.common.mirror import AptSource, named, of_machine
from provisioner.bundle.common.process import CONTAINED
from provisioner.bundle.common.reading import load, verify
from provisioner.bundle.common.workspace import finish, only_one, remove_tree
from provisioner.bundle.debian.recipe import KUBERNETES_VERSION, Recipe
from provisioner.bundle.debian.stages import stages
from provisioner.core.report import Listener, ignore
from provisioner.errors import BuildError, BundleError

TOOLS = {"mmdebstrap": "mmdebstrap", "setpriv": "util-linux", "unshare": "util-linux", "umount": "mount"}
KEYRINGS, KEYRING_PACKAGE = Path("/usr/share/keyrings"), "debian-archive-keyring"
GIB = 2**30
# Measured for one bundle: root, source, Go's cache and results together 4 GiB; a second version 1 GiB more.
NEEDED_FRESH_GIB, NEEDED_AGAIN_GIB = 5, 2


def build(
    cache: Path,
    listen: Listener = ignore,
    *,
    kubernetes_version: str = KUBERNETES_VERSION,
    mirror: str = "",
    architecture: str = "",
) -> Path:
    """Return the directory of a complete bundle, built now unless it is ready; a killed build is continued.

    `mirror` is a Debian mirror's address; otherwise this machine's own is used. `architecture` is this machine's
    unless given. UsageError for a version that cannot be built, BundleError when this machine cannot build,
    LockHeldError when another build works in this cache, BuildError when a step fails.
    """
    recipe = Recipe(kubernetes_version, architecture=architecture or machine_architecture())
    if bundle := ready(cache, recipe):
        return bundle
    require(cache)
    sources = named(mirror, recipe.release) if mirror else of_machine(Path("/etc"), recipe.release)
    try:
        with only_one(cache):
            return _build(cache, recipe, sources, listen)
    except OSError as error:
        raise BuildError(
            f"building the bundle failed: {error.filename or cache}: {error.strerror or error}",
            hint="Fix that and run the same command again: finished stages are kept.",
        ) from error


def ready(cache: Path, recipe: Recipe) -> Path | None:
    """The bundle's directory when it is in the cache and undamaged, otherwise None."""
    path = cache / stages(recipe)[-1].directory
    try:
        return path if path.is_dir() and not verify(load(path)) else None
    except BundleError:
        return None


def discard_stages(cache: Path) -> None:
    """Free the space of everything a finished bundle does not need; bundles stay."""
    with only_one(cache):
        for path in cache.iterdir():
            if path.is_dir() and not (path / MANIFEST).is_file():
                remove_tree(path)


def require(cache: Path) -> None:
    """BundleError unless this machine can build: Linux, root, the tools, namespaces, room on the disk."""
    if sys.platform != "linux":
        raise BundleError("a bundle is built on Linux only", hint="Build it there and copy the directory.")
    if os.geteuid() != 0:
        raise BundleError("building a bundle needs root (it runs commands in a chroot)", hint="Use sudo.")
    if absent := absent_packages():
        raise BundleError(
            f"building a bundle needs {', '.join(absent)}",
            hint=f"sudo apt-get install {' '.join(absent)}",
        )
    _require_namespaces()
    _require_room(cache)


def absent_packages() -> list[str]:
    """The packages of this machine's distribution that a build needs and that are not installed."""
    absent = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
    if not any(KEYRINGS.glob(f"{KEYRING_PACKAGE}.*")):
        absent.add(KEYRING_PACKAGE)
    return sorted(absent)


def _build(cache: Path, recipe: Recipe, sources: tuple[AptSource, ...], listen: Listener) -> Path:
    if bundle := ready(cache, recipe):  # another build has just finished it
        return bundle
    row = stages(recipe, sources)
    remove_tree(cache / row[-1].directory)  # it is not ready, so what has its name is damaged
    return [finish(stage, cache, listen) for stage in row][-1]


def _require_namespaces() -> None:
    tried = subprocess.run([*CONTAINED, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise BundleError(
            "root cannot create mount and PID namespaces here, which building a bundle needs",
            hint="In a container, give it CAP_SYS_ADMIN; or build elsewhere and copy the directory here.",
            details=tried.stderr.strip(),
        )


def _require_room(cache: Path) -> None:
    begun = (cache / "kept/go").is_dir()
    needed_gib = NEEDED_AGAIN_GIB if begun else NEEDED_FRESH_GIB
    place = next(path for path in (cache, *cache.parents) if path.exists())
    free_gib = shutil.disk_usage(place).free / GIB
    if free_gib < needed_gib:
        raise BundleError(
            f"{place}: {free_gib:.1f} GiB are free, building a bundle needs {needed_gib} GiB",
            hint="Free some space, or name another directory for the cache.",
        )
