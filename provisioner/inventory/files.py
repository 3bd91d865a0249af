"""Checks the files that an inventory names: do they exist, and are they safe?"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from provisioner.inventory import places
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import manifest_file
from provisioner.inventory.package_sources import BundleSource, Source, key_file
from provisioner.inventory.places import Kind

# The bundle that `provisioner bundle build` made and keeps in the user's cache.
AUTO = Path("auto")


def directory(inventory: Path) -> Path:
    """The directory that relative names start from: the inventory itself, or the directory that it is in."""
    return inventory if places.is_directory(inventory) else inventory.parent


def resolve(path: Path, inventory: Path) -> Path:
    """`~` is the home directory; a relative name starts at the inventory's directory."""
    start = directory(inventory.absolute())
    try:
        return start / path.expanduser()
    except RuntimeError:  # the home directory of an unknown user: the file is reported as missing
        return start / path


def findings(cluster: Cluster) -> Iterator[Finding]:
    """Missing or unsafe files; paths as in `rules`."""
    keys = {host.private_key_file: host.name for host in reversed(cluster.hosts) if host.private_key_file}
    for key, host in reversed(keys.items()):
        yield from _private_key(key, ("hosts", host, "private_key_file"))
    yield from _source(cluster.settings.package_source, ("settings", "package_source"))
    if cluster.settings.runtime.source:
        yield from _source(cluster.settings.runtime.source, ("settings", "runtime", "source"))
    yield from _manifest(manifest_file(cluster.settings.network), ("settings", "network", "manifest"))


def _manifest(file: Path | None, path: KeyPath) -> Iterator[Finding]:
    if file:
        yield from _missing("manifest", file, path, "name the file, or its URL")


def _source(source: Source, path: KeyPath) -> Iterator[Finding]:
    """A bundle, or a repository's key, that does not exist."""
    if isinstance(source, BundleSource):
        if source.path != AUTO:
            hint = "make one with `provisioner bundle build`, or write `auto`"
            yield from _missing("bundle", source.path, (*path, "path"), hint, Kind.DIRECTORY)
    elif key := key_file(source):
        hint = "name the file with the repository's public key, or its URL"
        yield from _missing("key", key, (*path, "key"), hint)


def _private_key(key: Path, path: KeyPath) -> Iterator[Finding]:
    quoted = shlex.quote(str(key))
    hint = f"make one with `ssh-keygen -t ed25519 -f {quoted}`, or name another"
    missing = tuple(_missing("private key", key, path, hint))
    yield from missing
    if missing:
        return
    if key.suffix == ".pub":
        yield Finding(
            "public-key",
            path,
            f"{key} is the public half of a key",
            f"name the private half: {key.with_suffix('')}",
        )
    elif key.stat().st_mode & 0o077:
        # ssh refuses such keys too.
        yield Finding("open-key", path, f"the private key {key} can be read by others", f"chmod 600 {quoted}")


def _missing(what: str, file: Path, path: KeyPath, hint: str, expected: Kind = Kind.FILE) -> Iterator[Finding]:
    """The file does not exist, is of another kind, or cannot be read by your user."""
    try:
        found = places.kind(file)
        if found is expected and not os.access(file, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        why = f"the {what} {file} cannot be read: {error.strerror}"
        yield Finding("unreadable", path, why, places.hint(error, file) or hint)
        return
    if found is not expected:
        why = "does not exist" if found is Kind.NOTHING else f"is not {expected}"
        name = hint if found is Kind.NOTHING else f"this is {found}: name {expected}"
        yield Finding("missing-file", path, f"the {what} {file} {why}", name)
