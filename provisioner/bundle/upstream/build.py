"""The entry point: a finished bundle is found, a started one is continued, what cannot be built is refused first."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path

from provisioner.bundle.common.manifest import FORMAT
from provisioner.bundle.common.reading import load, verify
from provisioner.bundle.common.workspace import Stage, finish, only_one, remove_tree
from provisioner.bundle.upstream import networks
from provisioner.bundle.upstream.assembly import make_bundle
from provisioner.bundle.upstream.request import Request, check
from provisioner.core.report import Listener, ignore
from provisioner.errors import BuildError, BundleError

REVISION = 1
TOOLS = {"apt-get": "apt", "dpkg-deb": "dpkg", "gpg": "gnupg", "setpriv": "util-linux"}
PREFIX = "upstream"


def build(cache: Path, request: Request, listen: Listener = ignore) -> Path:
    """Return the directory of a complete bundle, fetched now unless it is ready; a killed build is continued.

    UsageError for what is not available, BundleError when this machine cannot build, LockHeldError when another build
    works in this cache, BuildError when a source does not give what it should.
    """
    check(request)
    networks.check(request)
    stage = _stage(request)
    if bundle := ready(cache / stage.directory):
        return bundle
    require()
    try:
        with only_one(cache):
            if not ready(cache / stage.directory):
                remove_tree(cache / stage.directory)  # what has its name is damaged
            return _finished(stage, cache, listen)
    except OSError as error:
        raise BuildError(
            f"building the bundle failed: {error.filename or cache}: {error.strerror or error}",
            hint="Fix that and run the same command again: what has been fetched is kept.",
        ) from error


def ready(path: Path) -> Path | None:
    """The bundle's directory when it exists and is undamaged, otherwise None."""
    try:
        return path if path.is_dir() and not verify(load(path)) else None
    except BundleError:
        return None


def absent_packages() -> list[str]:
    """The packages of this machine's distribution that a build needs and that are not installed."""
    return sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})


def require() -> None:
    """BundleError unless this machine can build: Linux with apt and the tools. Root is not needed."""
    if sys.platform != "linux" or not shutil.which("apt-get"):
        raise BundleError(
            "a bundle is built on Debian or Ubuntu only: apt works out what is needed",
            hint="Build it there and copy the directory.",
        )
    if absent := absent_packages():
        raise BundleError(
            f"building a bundle needs {', '.join(absent)}", hint=f"sudo apt-get install {' '.join(absent)}"
        )


def _finished(stage: Stage, cache: Path, listen: Listener) -> Path:
    try:
        return finish(stage, cache, listen)
    except BaseException:
        # What has been fetched is kept elsewhere, by digest.
        remove_tree(cache / f"{stage.directory}.part")
        raise


def _stage(request: Request) -> Stage:
    machines = request.machines
    name = f"{PREFIX}-{machines.codename}-{request.version}-{request.architecture}"
    title = f"fetch Kubernetes {request.version} for {request.distribution} from upstream"
    make = partial(make_bundle, request)
    return Stage(name, title, make, (REVISION, FORMAT, request.runtime_type, *_inputs(request)))


def _inputs(request: Request) -> tuple[object, ...]:
    """Everything that the result depends on; of a key's or a manifest's file its content."""
    manifest = Path(request.network) if networks.is_file(request.network) else None
    keys = (request.addresses.kubernetes_key, request.addresses.docker_key, manifest)
    hashes = (sha256(key.read_bytes()).hexdigest() for key in keys if key and key.is_file())
    told = {**asdict(request), "version": str(request.version), "runtime": ""}
    return (*hashes, *(f"{name}={value}" for name, value in sorted(told.items())))
