"""A registry played by one server: images from `docker save` archives, behind a token, their files behind another
address, as the real ones have it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKEN = "for-all"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIGURATION = "application/vnd.docker.container.image.v1+json"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Registry:
    """`named` has manifests by `path:tag`, `content` everything by digest; `asked` are the paths in order."""

    named: dict[str, str] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    address: str = ""
    challenge: str = 'Bearer realm="{}/token",service="tests",scope="repository:x:pull"'

    def keep(self, content: bytes, kind: str = "application/octet-stream") -> dict[str, Any]:
        """Have some content; gives how manifests speak of it."""
        digest = sha256(content)
        self.content[digest], self.types[digest] = content, kind
        return {"mediaType": kind, "size": len(content), "digest": f"sha256:{digest}"}

    def add(self, reference: str, configuration: bytes, layers: Iterable[bytes], architecture: str) -> None:
        """Have an image under its full name; the registry's own name is left out, as mirrors do."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.keep(configuration, CONFIGURATION),
            "layers": [self.keep(layer, LAYER) for layer in layers],
        }
        row = self.keep(json.dumps(manifest).encode(), MANIFEST)
        platforms = [row | {"platform": {"os": "linux", "architecture": architecture}}]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": platforms}
        told = self.keep(json.dumps(index).encode(), INDEX)
        self.named[reference.partition("/")[2]] = told["digest"].removeprefix("sha256:")

    def add_archive(self, archive: Path) -> None:
        """Have the image of a `docker save` archive."""
        with tarfile.open(archive) as tar:
            told = json.loads(_read(tar, "manifest.json"))[0]
            configuration = _read(tar, told["Config"])
            layers = [_read(tar, name) for name in told["Layers"]]
        self.add(told["RepoTags"][0], configuration, layers, json.loads(configuration)["architecture"])


def small_image(architecture: str = "amd64", text: bytes = b"small") -> tuple[bytes, list[bytes]]:
    """The configuration and the layers of an image with one file, and an empty second layer."""
    layers = []
    for name in ("file", ""):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            if name:
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        layers.append(raw.getvalue())
    diffs = [f"sha256:{sha256(layer)}" for layer in layers]
    told = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs}}
    return json.dumps(told).encode(), [gzip.compress(layer, mtime=0) for layer in layers]


class _Handler(BaseHTTPRequestHandler):
    registry: Registry

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        self.registry.asked.append(place.path)
        parts = place.path.strip("/").split("/")
        if parts[0] == "content":
            self._content(parts[1])
        elif parts[0] == "token":
            self._send(HTTPStatus.OK, json.dumps({"token": TOKEN}).encode())
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = self.registry.challenge.format(self.registry.address)
            self._send(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": challenge})
        elif parts[-2:-1] == ["manifests"]:
            self._manifest("/".join(parts[1:-2]), parts[-1])
        elif parts[-2:-1] == ["blobs"]:
            place_of_content = f"{self.registry.address}/content/{parts[-1].removeprefix('sha256:')}"
            self._send(HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": place_of_content})
        else:
            self._send(HTTPStatus.OK)

    def _manifest(self, path: str, tag: str) -> None:
        digest = tag.removeprefix("sha256:") if ":" in tag else self.registry.named.get(f"{path}:{tag}", "")
        content = self.registry.content.get(digest)
        if content is None:
            self._send(HTTPStatus.NOT_FOUND)
            return
        self._send(HTTPStatus.OK, content, {"Content-Type": self.registry.types[digest]})

    def _content(self, digest: str) -> None:
        if self.headers.get("Authorization"):
            self.registry.leaked.append(digest)
        content = self.registry.content.get(digest)
        self._send(HTTPStatus.OK if content is not None else HTTPStatus.NOT_FOUND, content or b"")

    def _send(self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def serving_images(registry: Registry, host: str = "127.0.0.1") -> Iterator[Registry]:
    """Serve them on a free port; `address` is `http://HOST:PORT`."""
    handler = type("RegistryHandler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer((host, 0), handler) as server:
        registry.address = f"http://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file
    return file.read()
