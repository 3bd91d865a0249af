"""The network plug-ins of a bundle: which manifests and images belong to the one that is asked for, and the manifests
fetched by their hash.
"""

from __future__ import annotations

from pathlib import Path

from provisioner.bundle.upstream import web
from provisioner.bundle.upstream.request import Request
from provisioner.bundle.upstream.web import Blob
from provisioner.catalog import networks as catalog
from provisioner.catalog.networks import NetworkRelease
from provisioner.core.objects import Objects, parse
from provisioner.errors import UsageError

# Kinds of network that bring no manifest of their own.
WITHOUT = ("bridge", "none")
_FILES = (".yaml", ".yml", ".json")


def check(request: Request) -> None:
    """UsageError for a network that cannot be in a bundle."""
    name, _, version = request.network.partition(":")
    if request.network in WITHOUT or is_file(request.network):
        return
    known = catalog.versions(name)
    if not known:
        names = ", ".join((*WITHOUT, *dict.fromkeys(row.plug_in for row in catalog.RELEASES)))
        hint = f"Known are: {names}; or name a manifest's file, whose images are fetched, too."
        raise UsageError(f"{request.network}: is not a known kind of network", hint=hint)
    if version and version not in known:
        raise UsageError(f"{name} {version} is not in the catalog", hint=f"Known are: {', '.join(known)}.")
    if not version and not rows(request):
        hint = f"Name a version to include it anyway, such as --network {name}:{known[0]}."
        raise UsageError(f"no known version of {name} is for Kubernetes {request.release.series}", hint=hint)


def is_file(network: str) -> bool:
    """Whether it is a manifest's file, and not the name of a plug-in."""
    return network.endswith(_FILES)


def rows(request: Request) -> tuple[NetworkRelease, ...]:
    """All manifests of the version that is asked for, or of the newest that fits."""
    name, _, version = request.network.partition(":")
    minor = request.release.minor
    fitting = version or next((row.version for row in catalog.releases(name) if row.serves(minor)), "")
    return tuple(row for row in catalog.releases(name) if row.version == fitting)


def images(request: Request) -> tuple[str, ...]:
    """The images that the network runs."""
    if is_file(request.network):
        return _own(Path(request.network)).images
    return tuple(dict.fromkeys(image for row in rows(request) for image in row.images))


def write(request: Request, into: Path) -> tuple[tuple[str, str], ...]:
    """Write its manifests into a directory; returns their files' names, each with its origin."""
    if is_file(request.network):
        path = Path(request.network)
        _own(path)
        (into / path.name).write_bytes(path.read_bytes())
        return ((path.name, path.name),)
    found = rows(request)
    for row in found:
        # Its size is not known in advance; the hash shows whether it is complete.
        web.download(row.url, Blob(row.sha256, 0), into / row.file, {}, lambda size: None)
    return tuple((row.file, row.url) for row in found)


def _own(path: Path) -> Objects:
    try:
        return parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}", hint="Name the manifest's file.") from None
