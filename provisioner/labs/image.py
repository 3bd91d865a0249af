"""The image of a lab machine: a freshly installed Debian or Ubuntu server with systemd, sshd and sudo, no Kubernetes.

It is made from a mirror (mmdebstrap, then import) where this machine can, else from a registry's
`debian` or `ubuntu` image with a Dockerfile; both run the same node.sh. Its tag is a hash of its recipe, so it is made
again only when the recipe has changed, and a tag only exists when the whole image does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import docker
import platformdirs
from docker.errors import APIError, DockerException, ImageNotFound
from docker.errors import BuildError as ImageBuildError

from provisioner import templating
from provisioner.bundle.common import mirror
from provisioner.core.report import Listener, Waiting, step
from provisioner.errors import BuildError
from provisioner.labs import packages, state, ubuntu
from provisioner.labs.processes import last_lines, run
from provisioner.labs.spec import RELEASES

HOST = "image"
REPOSITORY = "provisioner-lab"
TOOLS = ("mmdebstrap", "debian-archive-keyring")
BUILD_TIMEOUT_S = 1800.0
FILES = ("Dockerfile", "entry.sh", "node.sh", "runc.sh", "sshd.conf")
ENTRY = "/usr/local/lib/lab/entry.sh"
# What Debian's installer puts on a server, as far as a container can use it. No Python: none is needed.
CONTENTS = (
    *("systemd", "systemd-sysv", "dbus", "kmod", "procps", "less", "lsb-release"),
    *("openssh-server", "sudo", "ca-certificates", "curl", "gnupg"),
    *("iproute2", "iputils-ping", "netbase"),
)
# What every Debian has by default, and a minimal Ubuntu does not.
BESIDES = {"debian": (), "ubuntu": ("apt",)}
BOOTSTRAP_OPTIONS = (
    "--variant=minbase",
    # A root file system that a killed run throws away anyway need not wait for the disk.
    "--dpkgopt=force-unsafe-io",
    # It would mark the machine id as that of a first boot; node.sh empties it, as image builders do.
    "--skip=cleanup/reproducible",
)
# Docker stops a container with this signal; systemd shuts down cleanly on it (systemd(1), SIGRTMIN+3).
STOP_SIGNAL = "SIGRTMIN+3"


def recipe(release: str, contents: Sequence[str], files: Sequence[bytes]) -> str:
    """Twelve hex digits that stand for everything the image is made of."""
    parts = [release.encode(), " ".join(contents).encode(), *files]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def tag(release: str) -> str:
    """The image's full name for a release."""
    files = [(_directory() / name).read_bytes() for name in FILES]
    return f"{REPOSITORY}:{release}-{recipe(release, (*BOOTSTRAP_OPTIONS, *contents(release)), files)}"


def contents(release: str) -> tuple[str, ...]:
    """The packages of a machine with that release."""
    return (*CONTENTS, *BESIDES[RELEASES[release]])


def _directory() -> Path:
    return templating.path("lab")


def ensure(client: docker.DockerClient, release: str, listen: Listener) -> str:
    """The name of the image for `release`, which is made now if it does not exist.

    Raises BuildError with the end of the output when neither a mirror nor a registry gives it.
    """
    name = tag(release)
    with state.locked(_cache(), wait_s=BUILD_TIMEOUT_S):
        if exists(client, name):
            return name
        for stale in _cache().glob("*.tar"):
            stale.unlink()
        if _can_bootstrap():
            from_mirror(client, release, name, listen)
        else:
            from_registry(client, release, name, listen)
        _remove_older(client, release)
    return name


def _cache() -> Path:
    return platformdirs.user_cache_path("provisioner") / "lab"


def _can_bootstrap() -> bool:
    may_install = packages.root_prefix() is not None
    return packages.has_apt() and (may_install or not packages.missing_packages(TOOLS))


def _remove_older(client: docker.DockerClient, release: str) -> None:
    """Images of former recipes; those of labs that still exist stay, because the engine refuses."""
    made = [name for image in client.images.list(REPOSITORY) for name in image.tags]
    for name in made:
        if name.startswith(f"{REPOSITORY}:{release}-") and name != tag(release):
            with suppress(APIError):
                client.images.remove(name)


def exists(client: docker.DockerClient, name: str) -> bool:
    """Whether the engine has the image."""
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def from_mirror(
    client: docker.DockerClient, release: str, name: str, listen: Listener, address: str | None = None
) -> None:
    """Make the image `name` from a mirror: `address`, this machine's own, or the distribution's."""
    packages.install(TOOLS, listen)
    # A name of its own: a process that a killed run has started may still be writing to another one.
    archive = _cache() / f"{release}-{os.getpid()}.tar"
    _cache().mkdir(parents=True, exist_ok=True)
    title = f"install {RELEASES[release].title()} {release} into an image"
    try:
        with _source(release, address) as source, step(listen, HOST, title):
            listen(Waiting(HOST, "mmdebstrap (about a minute, once)"))
            command = bootstrap_command(release, archive, source)
            run([*(packages.root_prefix() or ()), *command], timeout_s=BUILD_TIMEOUT_S, hint=_hint(release))
        with step(listen, HOST, "import the image"):
            _import(client, archive, name)
    finally:
        archive.unlink(missing_ok=True)


def _source(release: str, address: str | None) -> AbstractContextManager[str | None]:
    if RELEASES[release] == "ubuntu" and not address:
        return ubuntu.source(release)
    return nullcontext(address or mirror.address(Path("/etc"), release))


def _hint(release: str) -> str:
    return f"can a mirror of {RELEASES[release].title()} {release} be reached (apt-get update)?"


def bootstrap_command(release: str, archive: Path, source: str | None) -> list[str]:
    """The mmdebstrap call that writes the root file system of `release` to `archive` (a tar file)."""
    return [
        "mmdebstrap",
        *BOOTSTRAP_OPTIONS,
        f"--include={','.join(contents(release))}",
        f"--customize-hook={_directory() / 'node.sh'}",
        release,
        str(archive),
        *([source] if source else []),
    ]


def _import(client: docker.DockerClient, archive: Path, name: str) -> None:
    repository, _, version = name.partition(":")
    try:
        client.api.import_image_from_file(str(archive), repository=repository, tag=version)
    except APIError as error:
        raise BuildError(f"the engine refuses the image: {error.explanation}", hint="is the disk full?") from error


def from_registry(
    client: docker.DockerClient, release: str, name: str, listen: Listener, base: str | None = None
) -> None:
    """Make the image `name` from `base` (a registry's `DISTRIBUTION:RELEASE` when None) with the Dockerfile."""
    base = base or f"{RELEASES[release]}:{release}"
    with step(listen, HOST, f"build the image from {base}"):
        try:
            client.images.build(
                path=str(_directory()),
                tag=name,
                buildargs={"BASE": base, "PACKAGES": " ".join(contents(release))},
                rm=True,
                forcerm=True,
            )
        except ImageBuildError as error:
            output = "".join(str(line.get("stream", "")) for line in error.build_log)
            raise BuildError(
                f"building the image failed: {error.msg}", hint=_hint(release), details=last_lines(output)
            ) from error
        except DockerException as error:
            raise BuildError(f"building the image failed: {error}", hint="can the engine reach a registry?") from error
