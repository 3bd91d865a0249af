"""A container image written as `docker save` does, without a container engine: one layer from files of this
machine. `docker load` and `ctr images import` both accept it. The same input gives the same bytes.

Format: moby image specification v1.2 (manifest.json, a configuration, layer.tar). The layer is gzip inside an
uncompressed archive, because containerd 1.6 does not unpack a compressed archive (containerd issue 9981).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LAYER = "layer.tar.gz"
COMPRESSION = 6
EPOCH = "1970-01-01T00:00:00Z"
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the layer; `path` has no leading slash, `content` is a file of this machine or bytes."""

    path: str
    content: Path | bytes
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link of the layer."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory of the layer; those above files need not be named."""

    path: str
    mode: int = 0o755


Entry = File | Link | Directory


@dataclass(frozen=True, slots=True)
class Image:
    """The image to write: `reference` is the full name with its tag."""

    reference: str
    architecture: str
    entries: tuple[Entry, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def write(image: Image, archive: Path) -> None:
    """Write the image's archive; an incomplete file may be left behind when this fails."""
    layer = archive.with_name(archive.name + ".layer")
    try:
        configuration = _configuration(image, write_layer(image.entries, layer))
        name = f"{hashlib.sha256(configuration).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": [image.reference], "Layers": [LAYER]}]
        with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
            _add(tar, File(name, configuration, 0o644))
            _add(tar, File(LAYER, layer, 0o644))
            _add(tar, File("manifest.json", json.dumps(manifest).encode(), 0o644))
    finally:
        with suppress(FileNotFoundError):
            layer.unlink()


def save(reference: str, configuration: Path, layers: Sequence[Path], archive: Path) -> None:
    """Write the archive of an image whose configuration and layers (gzip or plain tar, lowest first) are files."""
    name = f"{hashlib.sha256(configuration.read_bytes()).hexdigest()}.json"
    names = [f"{layer.name}.tar.gz" for layer in layers]
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": names}]
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, File(name, configuration, 0o644))
        for inside, layer in dict(zip(names, layers, strict=True)).items():
            _add(tar, File(inside, layer, 0o644))
        _add(tar, File("manifest.json", json.dumps(manifest).encode(), 0o644))


def write_layer(entries: Iterable[Entry], layer: Path) -> str:
    """Write the layer, gzip, and return its diff ID: `sha256:` and the digest of the uncompressed tar."""
    with layer.open("wb") as file, gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as packed:
        digest = _Digest(packed)
        with tarfile.open(fileobj=digest, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            for entry in with_directories(entries):
                _add(tar, entry)
        return f"sha256:{digest.sha256.hexdigest()}"


def with_directories(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries by path, each once, every directory before what is in it."""
    named: dict[str, Entry] = {}
    for entry in entries:
        parents = [str(parent) for parent in PurePosixPath(entry.path).parents if str(parent) != "."]
        for parent in parents:
            named.setdefault(parent, Directory(parent))
        named[entry.path] = entry
    yield from (named[path] for path in sorted(named))


class _Digest(io.RawIOBase):
    """A file that passes on what is written and remembers its digest."""

    def __init__(self, file: gzip.GzipFile) -> None:
        super().__init__()
        self.file = file
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.sha256.update(data)
        return self.file.write(data)


def _configuration(image: Image, diff_id: str) -> bytes:
    run = {
        "Env": [SEARCH_PATH],
        "Entrypoint": list(image.entrypoint) or None,
        "Cmd": list(image.command) or None,
        "WorkingDir": "/",
    }
    return json.dumps({
        "architecture": image.architecture,
        "os": "linux",
        "created": EPOCH,
        "config": {name: value for name, value in run.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": EPOCH, "created_by": "provisioner"}],
    }).encode()  # fmt: skip


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    match entry:
        case Link():
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
            tar.addfile(info)
        case Directory():
            info.type, info.mode = tarfile.DIRTYPE, entry.mode
            tar.addfile(info)
        case File(content=bytes() as content):
            info.size, info.mode = len(content), entry.mode
            tar.addfile(info, io.BytesIO(content))
        case File(content=Path() as source):
            info.size, info.mode = source.stat().st_size, entry.mode
            with source.open("rb") as file:
                tar.addfile(info, file)
