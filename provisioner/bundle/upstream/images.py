"""The bundle's images: which ones kubeadm asks for, fetched by digest, written as `docker save` does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from provisioner.bundle.common import image_archive
from provisioner.bundle.common.image_archive import Directory, Entry, File, Image, Link
from provisioner.bundle.common.images import PROBE_IMAGE, file_name, serve_name, short_name
from provisioner.bundle.common.process import SPEAKER, Runner
from provisioner.bundle.upstream import room, web
from provisioner.bundle.upstream.registry import Pulled, Registry
from provisioner.bundle.upstream.request import DNS, Request
from provisioner.bundle.upstream.room import MIB
from provisioner.bundle.upstream.web import Blob
from provisioner.core.report import Listener, Waiting
from provisioner.errors import BuildError

# What the probe's own script and the verification call; busybox can do more.
APPLETS = (
    "awk", "cat", "cut", "date", "env", "grep", "head", "hostname", "httpd", "id", "ip", "kill", "ls", "mkdir", "nc",
    "nslookup", "ping", "ps", "rm", "sed", "sh", "sleep", "sort", "tail", "timeout", "tr", "wc", "wget",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches images' files to the directory `kept`, by digest, and reports the progress."""

    registry: Registry
    kept: Path
    listen: Listener

    def find(self, references: tuple[str, ...], architecture: str) -> dict[str, Pulled]:
        """Where all these images are; BuildError names those that the registry lacks."""
        found = {reference: self.registry.find(reference, architecture) for reference in references}
        if missing := [reference for reference, pulled in found.items() if pulled is None]:
            hint = f"Is the version right? A cluster can do without {DNS} alone: --without {DNS}."
            raise BuildError(f"the registry has no {', '.join(missing)}", hint=hint)
        return {reference: pulled for reference, pulled in found.items() if pulled}

    def fetch(self, images: dict[str, Pulled]) -> None:
        """All files of the images that are not here yet."""
        blobs = {blob: reference for reference, pulled in images.items() for blob in pulled.blobs}
        missing = {blob: reference for blob, reference in blobs.items() if not self.file(blob).is_file()}
        size = sum(blob.size for blob in missing)
        self.kept.mkdir(exist_ok=True)
        room.require(self.kept, size, "the images")
        done = 0
        for blob, reference in missing.items():
            self.listen(Waiting(SPEAKER, f"images: {done / MIB:.0f} of {size / MIB:.0f} MiB, {reference}"))
            url, headers = self.registry.source(reference, blob)
            web.download(url, blob, self.file(blob), headers, lambda size: None)
            done += blob.size

    def file(self, blob: Blob) -> Path:
        """Where a file is kept: only a file with this digest ever has this name."""
        return self.kept / f"sha256-{blob.sha256}"


def wanted(request: Request, kubeadm: Path, runner: Runner, machine: str) -> tuple[str, ...]:
    """What kubeadm will ask for: kubeadm itself says it, or the catalog when kubeadm is for another architecture."""
    if request.architecture == machine:
        argv = [str(kubeadm), "config", "images", "list", "--kubernetes-version", f"v{request.version}"]
        names = tuple(line for line in runner.read(argv).split() if re.fullmatch(r"\S+/\S+:\S+", line))
    else:
        names = tuple(request.release.images(request.version.patch).values())
    return tuple(name for name in names if short_name(name) not in request.without)


def left_out(request: Request) -> tuple[str, ...]:
    """The images that are not to be in the bundle, by their full names."""
    images = request.release.images(request.version.patch)
    return tuple(images[name] for name in request.without)


def write(reference: str, pulled: Pulled, fetcher: Fetcher, into: Path, architecture: str) -> str:
    """Write an image's archive into a directory; returns the file's name. BuildError for a wrong configuration."""
    configuration = fetcher.file(pulled.configuration)
    has, desired = _described(configuration), (architecture, len(pulled.layers))
    if has != desired:
        raise BuildError(
            f"{reference}: its configuration is for {has[0]} with {has[1]} layers, not {desired[0]} with {desired[1]}",
            hint="The registry has a wrong image under that name: use another registry.",
        )
    layers = [fetcher.file(layer) for layer in pulled.layers]
    image_archive.save(reference, configuration, layers, into / file_name(reference))
    return file_name(reference)


def _described(configuration: Path) -> tuple[str, int]:
    try:
        told = json.loads(configuration.read_bytes())
        return str(told["architecture"]), len(told["rootfs"]["diff_ids"])
    except (ValueError, KeyError, TypeError):
        return "an unknown architecture", 0


def write_probe(busybox: Path, into: Path, architecture: str) -> str:
    """Write the image that the verification runs, from the distribution's busybox; returns the file's name."""
    entries: tuple[Entry, ...] = (
        File("bin/busybox", busybox),
        *(Link(f"bin/{name}", "busybox") for name in APPLETS),
        File("bin/serve-name", serve_name().encode()),
        Directory("tmp", 0o1777),
    )
    image = Image(PROBE_IMAGE, architecture, entries, command=("/bin/serve-name",))
    image_archive.write(image, into / file_name(PROBE_IMAGE))
    return file_name(PROBE_IMAGE)
