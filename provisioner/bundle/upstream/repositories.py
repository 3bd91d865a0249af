"""The sources for apt: Kubernetes' repository of the minor release, Docker's, and the distribution's archive, each
trusted only by its own key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provisioner.bundle.common.mirror import COMPONENTS, SUITE_SUFFIXES, AptSource, of_machine
from provisioner.bundle.upstream import web
from provisioner.bundle.upstream.request import Request
from provisioner.catalog import kubernetes, packages
from provisioner.catalog.packages import Distribution
from provisioner.errors import BuildError, BundleError
from provisioner.sources.armor import text_of
from provisioner.sources.keys import refused, trusted
from provisioner.sources.repository import DOCKER, DOCKER_FINGERPRINT, KUBERNETES, Repository

ETC, KEYRINGS = Path("/etc"), Path("/usr/share/keyrings")


def definitions(request: Request, keys: Path) -> dict[str, str]:
    """The files of apt's sources, by name; the keys they name are written to the directory `keys`."""
    told = {f"{one.product}.sources": one.definition(str(_key(one, request, keys))) for one in repositories(request)}
    lines = "".join(f"{source.line()}\n" for source in archive(request))
    return told | {"distribution.list": lines}


def repositories(request: Request) -> tuple[Repository, Repository]:
    """Kubernetes' and Docker's repositories, as a host would use them."""
    at, machines = request.addresses, request.machines
    minor, docker = minor_url(request, request.version.series), f"{at.docker.rstrip('/')}/{machines.id}"
    # One key signs all minors; the copies in repositories that have ended have expired.
    newest = f"{minor_url(request, kubernetes.releases()[-1].series)}Release.key"
    fingerprint = packages.repository_for(kubernetes.releases()[-1].minor).key_fingerprint
    architecture = request.architecture
    return (
        Repository(KUBERNETES, minor, "/", "", architecture, newest, fingerprint),
        Repository(DOCKER, docker, machines.codename, "stable", architecture, f"{docker}/gpg", DOCKER_FINGERPRINT),
    )


def minor_url(request: Request, series: str) -> str:
    """The repository of a minor release."""
    return f"{request.addresses.kubernetes.rstrip('/')}/v{series}/deb/"


def archive(request: Request, etc: Path = ETC, keyrings: Path = KEYRINGS) -> tuple[AptSource, ...]:
    """The distribution's archive: the named mirror, or the one that this machine uses; BundleError without one."""
    machines, named = request.machines, request.addresses.mirror
    keyring = keyrings / f"{machines.id}-archive-keyring.gpg"
    own = () if named else of_machine(etc, machines.codename, machines.id)
    sources = own or tuple(_published(machines, named))
    if not keyring.is_file() and not all(source.keyring for source in sources):
        package = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}[machines.id]
        raise BundleError(
            f"{keyring} is missing: it has the keys of {machines.id}'s archive",
            hint=f"Install {package}, or copy the file from a machine with {machines.id}.",
        )
    return tuple(AptSource(one.uri, one.suite, one.components, one.keyring or str(keyring)) for one in sources)


def _published(machines: Distribution, named: str) -> Iterator[AptSource]:
    if not named:
        raise BundleError(
            f"no mirror of {machines.id} {machines.codename} is known: this machine does not use that distribution",
            hint="Name a mirror of it: --mirror ADDRESS.",
        )
    # A mirror's security updates have another address, if it has them: the last suffix is theirs.
    for suffix in SUITE_SUFFIXES[:-1]:
        yield AptSource(named, f"{machines.codename}{suffix}", COMPONENTS[machines.id])


def _key(repository: Repository, request: Request, keys: Path) -> Path:
    """The key's file: the one that the user names, or the published one if it has the known fingerprint."""
    at = request.addresses
    given = {KUBERNETES: at.kubernetes_key, DOCKER: at.docker_key}[repository.product]
    published = "" if given else _published_key(repository)
    text = _given(given) if given else trusted(published, repository.fingerprint)
    if not text:
        what = refused(published) or f"does not have the known fingerprint {repository.fingerprint}"
        raise BuildError(
            f"{repository.place}: its key {what}",
            hint=f"If this mirror signs with a key of its own, name its file: --{repository.product}-key.",
        )
    path = keys / f"{repository.product}.asc"
    path.write_text(text)
    return path


def _given(path: Path) -> str:
    try:
        text = text_of(path.read_bytes())
    except OSError as error:
        raise BuildError(f"{path}: the key cannot be read: {error.strerror}", hint="Name another file.") from error
    if why := refused(text):
        raise BuildError(f"{path}: {why}", hint="Name the file that the repository publishes.")
    return trusted(text, "")


def _published_key(repository: Repository) -> str:
    places = dict.fromkeys((repository.key_url, f"{repository.uri}Release.key"))
    if repository.product == DOCKER:
        places = {repository.key_url: None}
    for url in places:
        answer = web.get(url)
        if answer.ok:
            return text_of(answer.body)
    raise web.refused(url, answer.status)
