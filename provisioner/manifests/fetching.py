"""The network plug-in's manifest, fetched to this machine: from the file or the address that the inventory names, from
the bundle, or from where its authors publish it. In every case its SHA-256 is checked before anything is changed.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from provisioner.bundle.common.manifest import Kind
from provisioner.bundle.common.reading import Bundle
from provisioner.bundle.upstream import web
from provisioner.core.objects import Objects, is_page, parse
from provisioner.errors import BuildError, PreflightError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import Foreign, is_address, place, release
from provisioner.paths import cache_directory, write_atomic

DIRECTORY = "manifests"


def load(cluster: Cluster, bundle: Bundle | None, cache: Path | None = None) -> Objects | None:
    """The manifest's objects; None for a network without one, and when the bundle lacks its images anyway.

    PreflightError when the manifest is not the expected one, or is not available.
    """
    settings = cluster.settings
    row = release(settings.network, settings.kubernetes_version.minor)
    told = place(settings.network)
    if row is None and not told:
        return None
    sha256 = row.sha256 if row else _own_sha256(cluster)
    if told and not is_address(told):
        return _checked(_read(Path(told)), told, sha256)
    if bundle and sha256 and (text := _bundled(bundle, sha256)) is not None:
        return _checked(text, f"{row.file if row else told} of the bundle", sha256)
    if row and not told and bundle and settings.images_in_bundle and not _has_images(bundle, row.images):
        return None
    url = told or (row.url if row else "")
    return _checked(_fetched(url, sha256, cache or cache_directory() / DIRECTORY), url, sha256)


def _own_sha256(cluster: Cluster) -> str:
    network = cluster.settings.network
    return (network.sha256 or "") if isinstance(network, Foreign) else ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="Name the manifest's file, or its address.") from None


def _bundled(bundle: Bundle, sha256: str) -> bytes | None:
    """The file of the bundle that has this hash, whatever its name there."""
    found = [content for content in bundle.of_kind(Kind.MANIFEST) if content.sha256 == sha256]
    return _read(bundle.file(found[0])) if found else None


def _has_images(bundle: Bundle, images: tuple[str, ...]) -> bool:
    return set(images) <= {content.name for content in bundle.of_kind(Kind.IMAGE)}


def _fetched(url: str, sha256: str, kept: Path) -> bytes:
    """The manifest from the server, fetched once: it is kept under its hash."""
    file = kept / f"sha256-{sha256}"
    if file.is_file() and _hash(text := file.read_bytes()) == sha256:
        return text
    text = fetch(url)
    if _hash(text) == sha256:
        # The manifest is here: that it cannot be kept is not a reason to stop.
        with suppress(OSError):
            write_atomic(file, text)
    return text


def fetch(url: str) -> bytes:
    """The body of the server's answer; PreflightError when the server refuses."""
    try:
        answer = web.get(url)
    except BuildError as error:
        hint = "Name a file instead (network.manifest), or use a bundle that has it: `bundle build --network`."
        raise PreflightError(f"{url}: {error.message}", hint=hint) from None
    if not answer.ok:
        raise PreflightError(web.refused(url, answer.status).message, hint="Is the address right?")
    return answer.body


def _checked(text: bytes, origin: str, sha256: str) -> Objects:
    """The objects of a text that has the right hash; a text that is not a manifest at all is reported as such first."""
    found = _hash(text)
    if sha256 and found != sha256 and not is_page(text[:200].decode(errors="replace")):
        raise PreflightError(
            f"{origin}: its SHA-256 is {found}, not {sha256}",
            hint="It was changed, or is another version: nothing was applied. Fetch it again, or set the right hash.",
        )
    return parse(_decoded(text, origin), origin)


def _decoded(text: bytes, origin: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise PreflightError(f"{origin}: is not text", hint="A manifest for kubectl is needed.") from None


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
