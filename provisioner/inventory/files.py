"""The files an inventory names: are they there, and are they safe? The only part that looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import manifest_file
from provisioner.inventory.package_sources import BundleSource, Source, key_file

# The bundle that `provisioner bundle build` made and keeps in the user's cache.
AUTO = Path("auto")


def directory(inventory: Path) -> Path:
    """Where relative names begin: the directory the inventory is, or lies in."""
    return inventory if inventory.is_dir() else inventory.parent


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
    if file and not file.is_file():
        what = "is not a file" if file.exists() else "does not exist"
        yield Finding("missing-file", path, f"the manifest {file} {what}", "name the file, or its address")


def _source(source: Source, path: KeyPath) -> Iterator[Finding]:
    """A bundle that is not there, a repository's key that is not."""
    if isinstance(source, BundleSource):
        bundle = source.path
        if bundle != AUTO and not bundle.is_dir():
            what = "is not a directory" if bundle.exists() else "does not exist"
            hint = "make one with `provisioner bundle build`, or write `auto`"
            yield Finding("missing-file", (*path, "path"), f"the bundle {bundle} {what}", hint)
    elif (key := key_file(source)) and not key.is_file():
        what = "is not a file" if key.exists() else "does not exist"
        hint = "name the file with the repository's public key, or its address"
        yield Finding("missing-file", (*path, "key"), f"the key {key} {what}", hint)


def _private_key(key: Path, path: KeyPath) -> Iterator[Finding]:
    if not key.exists():
        yield Finding(
            "missing-file",
            path,
            f"the private key {key} does not exist",
            f"make one with `ssh-keygen -t ed25519 -f {key}`, or name another",
        )
    elif not key.is_file():
        yield Finding("missing-file", path, f"the private key {key} is not a file", "name the private key itself")
    elif key.suffix == ".pub":
        yield Finding(
            "public-key",
            path,
            f"{key} is the public half of a key",
            f"name the private half: {key.with_suffix('')}",
        )
    elif key.stat().st_mode & 0o077:
        # ssh refuses such keys too.
        yield Finding("open-key", path, f"the private key {key} can be read by others", f"chmod 600 {key}")
