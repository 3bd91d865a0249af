"""Images from a registry, by its HTTP API (https://distribution.github.io/distribution/spec/api/): a name with a tag
refers to a manifest for each platform, and that to files, which are identified by their digests.

A client of our own, as it is this small: existing ones need a daemon, or bring more than they save.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from provisioner.bundle.upstream import web
from provisioner.bundle.upstream.web import Answer, Blob
from provisioner.errors import BuildError

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ACCEPTED = {"Accept": ", ".join((*INDEXES, *MANIFESTS))}
# No zstd: Docker supports it only since 23.
PACKED = re.compile(r"application/vnd\.(oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)([.+]gzip)?")
# The old name redirects since 2023 (https://kubernetes.io/blog/2023/03/10/image-registry-redirect/).
MOVED = {"k8s.gcr.io": "registry.k8s.io", "docker.io": "registry-1.docker.io"}
# As Docker and containerd do: a registry that listens on this machine only has no certificate.
_OF_THIS_MACHINE = ("127.0.0.1", "localhost")
_NAME = re.compile(r"(?P<host>[^/]+[.:][^/]*)/(?P<path>[a-z0-9._/-]+):(?P<tag>[\w.-]+)")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image of one platform: the digest of its manifest, its configuration and its layers, lowest first."""

    digest: str
    configuration: Blob
    layers: tuple[Blob, ...]

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All its files, each once."""
        return tuple(dict.fromkeys((self.configuration, *self.layers)))


@dataclass(frozen=True, slots=True)
class Registry:
    """Asks registries. `address` stands for all of them; empty: each image's own, under its newest name."""

    address: str = ""
    _tokens: dict[str, str] = field(default_factory=dict)

    def digest(self, reference: str) -> str:
        """The digest of that name, for all platforms, as `sha256:...`; empty when the registry has no such name."""
        name, tag = self._place(reference)
        answer = self._ask(name, f"{name}/manifests/{tag}")
        return "" if answer.status == HTTPStatus.NOT_FOUND else f"sha256:{_sha256(_body(answer, reference))}"

    def find(self, reference: str, architecture: str) -> Pulled | None:
        """The image of that name for Linux on that architecture; None when the registry has no such name."""
        name, tag = self._place(reference)
        answer = self._ask(name, f"{name}/manifests/{tag}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        try:
            return self._read(answer, name, reference, architecture)
        except (KeyError, TypeError, AttributeError):
            message = f"{reference}: the registry's manifest is of an unknown kind"
            raise BuildError(message, hint="Known are Docker's schema 2 and OCI.") from None

    def _read(self, answer: Answer, name: str, reference: str, architecture: str) -> Pulled:
        body = _body(answer, reference)
        digest = _sha256(body)
        if _type(answer, body) in INDEXES:
            digest = _for_platform(body, reference, architecture)
            body = _body(self._ask(name, f"{name}/manifests/sha256:{digest}"), reference)
            _require(body, digest, reference)
        return _pulled(body, digest, reference)

    def source(self, reference: str, blob: Blob) -> tuple[str, dict[str, str]]:
        """Where a file of an image is, and the headers to ask for it."""
        name, _ = self._place(reference)
        return f"{name}/blobs/sha256:{blob.sha256}", self._login(name)

    def host(self, reference: str) -> str:
        """The server that an image comes from."""
        return urlsplit(self._place(reference)[0]).netloc

    def _place(self, reference: str) -> tuple[str, str]:
        match = _NAME.fullmatch(reference)
        if not match:
            raise BuildError(
                f"{reference}: is not the full name of an image", hint="Such as registry.k8s.io/pause:3.9."
            )
        scheme = "http" if match["host"].partition(":")[0] in _OF_THIS_MACHINE else "https"
        address = self.address.rstrip("/") or f"{scheme}://{MOVED.get(match['host'], match['host'])}"
        return f"{address}/v2/{match['path']}", match["tag"]

    def _ask(self, name: str, url: str) -> Answer:
        answer = web.get(url, ACCEPTED | self._login(name))
        if answer.status == HTTPStatus.UNAUTHORIZED and name not in self._tokens:
            self._tokens[name] = _token(answer, url)
            answer = web.get(url, ACCEPTED | self._login(name))
        if answer.status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            raise web.refused(url, answer.status)
        return answer

    def _login(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[name]}"} if name in self._tokens else {}


def _token(answer: Answer, url: str) -> str:
    """An anonymous token, from where the registry says; see https://distribution.github.io/distribution/spec/auth/."""
    challenge = answer.headers.get("www-authenticate", "")
    told = dict(_CHALLENGE.findall(challenge))
    if not challenge.lower().startswith("bearer") or "realm" not in told:
        raise BuildError(f"{url}: the registry requires a login", hint="Only public images can be fetched.")
    question = urlencode({name: told[name] for name in ("service", "scope") if name in told})
    given = _json(_body(web.get(f"{told['realm']}?{question}"), told["realm"]), told["realm"])
    return str(given.get("token") or given.get("access_token") or "")


def _for_platform(body: bytes, reference: str, architecture: str) -> str:
    rows = [row.get("platform", {}) | {"digest": row["digest"]} for row in _json(body, reference)["manifests"]]
    linux = [row for row in rows if row.get("os") == "linux"]
    found = [row["digest"] for row in linux if row.get("architecture") == architecture]
    if not found:
        there = ", ".join(sorted({str(row.get("architecture")) for row in linux}))
        raise BuildError(f"{reference}: there is no image for {architecture}", hint=f"There are some for: {there}.")
    return _hex(found[0], reference)


def _pulled(body: bytes, digest: str, reference: str) -> Pulled:
    told = _json(body, reference)
    strange = [layer["mediaType"] for layer in told["layers"] if not PACKED.fullmatch(layer["mediaType"])]
    if strange:
        raise BuildError(f"{reference}: a layer is {strange[0]}", hint="Only layers packed by gzip can be used.")
    layers = tuple(_blob(layer, reference) for layer in told["layers"])
    return Pulled(digest, _blob(told["config"], reference), layers)


def _blob(told: dict[str, Any], reference: str) -> Blob:
    return Blob(_hex(told["digest"], reference), int(told["size"]))


def _hex(digest: str, reference: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BuildError(f"{reference}: {digest} is not a digest that can be checked", hint="Only sha256 is supported.")
    return digest.removeprefix("sha256:")


def _type(answer: Answer, body: bytes) -> str:
    return str(_json(body, "the registry").get("mediaType") or answer.headers.get("content-type", ""))


def _body(answer: Answer, what: str) -> bytes:
    if not answer.ok:
        raise web.refused(what, answer.status)
    return answer.body


def _require(body: bytes, digest: str, reference: str) -> None:
    if _sha256(body) != digest:
        message = f"{reference}: its manifest has the SHA-256 {_sha256(body)}, not {digest}"
        raise BuildError(message, hint="It has been changed: use another mirror.")


def _json(body: bytes, what: str) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise BuildError(f"{what}: the answer is not JSON", hint="Is there a proxy or a login page in between?")
    return told


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
