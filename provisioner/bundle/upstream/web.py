"""Fetching over HTTP: answers with their status, files checked by their digest, and errors that name the server.

urllib follows redirections to content servers without the Authorization header, and takes proxies from the environment.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, responses
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from provisioner.errors import BuildError

TIMEOUT_S = 30.0
CHUNK_BYTES = 256 * 1024
# Answers that are read into memory: manifests, tokens, keys.
MOST_BYTES = 8 * 2**20
AGAIN = "Run the same command again when it does: what has been fetched is kept."

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT)

# How many bytes have just arrived.
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it gave what was asked for."""
        return self.status == HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Blob:
    """Content that is identified by its SHA-256 (64 hexadecimal digits) and its size in bytes."""

    sha256: str
    size: int


def get(url: str, headers: Mapping[str, str] | None = None, *, timeout_s: float = TIMEOUT_S) -> Answer:
    """Ask; refusals are answers, too. BuildError when there is no answer."""
    try:
        with urlopen(_request(url, headers or {}), timeout=timeout_s) as answer:  # noqa: S310 - http and https only
            return Answer(answer.status, answer.read(MOST_BYTES), _lower(answer.headers))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read(MOST_BYTES), _lower(error.headers))
    except (OSError, HTTPException) as error:
        raise _silent(url, error) from error


def download(url: str, blob: Blob, into: Path, headers: Mapping[str, str], told: Told) -> None:
    """Fetch content to a file, which exists only if the content is the right one; BuildError otherwise."""
    part = into.with_name(f"{into.name}.part")
    try:
        with urlopen(_request(url, headers), timeout=TIMEOUT_S) as answer, part.open("wb") as file:  # noqa: S310
            digest = hashlib.sha256()
            while chunk := answer.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
                told(len(chunk))
    except HTTPError as error:
        with error:
            raise refused(url, error.code) from None
    except (TimeoutError, ConnectionError, HTTPException) as error:
        raise _silent(url, error) from error
    except OSError as error:
        # Errors of the disk name a file, those of the network do not.
        raise error if error.filename or error.errno in _OF_THE_DISK else _silent(url, error) from error
    if digest.hexdigest() != blob.sha256:
        part.unlink()
        raise BuildError(
            f"{url}: its SHA-256 is {digest.hexdigest()}, not {blob.sha256}",
            hint="It has been changed, or was cut off on the way: try again, or use another mirror.",
        )
    part.rename(into)


def refused(url: str, status: int) -> BuildError:
    """The error for a refusal."""
    return BuildError(
        f"{url}: the server says {status} {responses.get(status, '')}".rstrip(),
        hint="Is the address right, and is access to it allowed?",
    )


def _request(url: str, headers: Mapping[str, str]) -> Request:
    if urlsplit(url).scheme not in ("http", "https"):
        raise BuildError(f"{url}: is not an address of a server", hint="It has to begin with https:// or http://.")
    request = Request(url, headers={"User-Agent": "provisioner"})  # noqa: S310 - looked at above
    for name, value in headers.items():
        # Not sent to where a server redirects us: its content server would refuse it, or get to know a token.
        (request.add_unredirected_header if name == "Authorization" else request.add_header)(name, value)
    return request


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _silent(url: str, error: Exception) -> BuildError:
    reason = getattr(error, "reason", None) or error
    return BuildError(f"{urlsplit(url).netloc} does not answer: {reason}", hint=AGAIN, details=url)
