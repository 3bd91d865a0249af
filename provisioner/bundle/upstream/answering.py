"""Whether upstream answers, with a short timeout: nothing is fetched, and silent servers are not waited for."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from threading import Thread

from provisioner.bundle.upstream import web
from provisioner.bundle.upstream.registry import MOVED
from provisioner.bundle.upstream.repositories import repositories
from provisioner.bundle.upstream.request import Request
from provisioner.errors import BuildError

WITHIN_S = 4.0
# A registry that requires a token first does answer.
FINE = (200, 401)


def places(request: Request) -> tuple[str, ...]:
    """One small file of each server that a bundle needs; the distribution's mirror is needed in any case."""
    kubernetes, docker = repositories(request)
    host = request.release.images(request.version.patch)["pause"].partition("/")[0]
    registry = request.addresses.registry or f"https://{MOVED.get(host, host)}"
    index = f"{docker.uri}/dists/{docker.suite}/InRelease"
    return f"{kubernetes.uri}InRelease", index, f"{registry.rstrip('/')}/v2/"


def silent(request: Request, within_s: float = WITHIN_S) -> tuple[str, ...]:
    """The addresses that have not given a suitable answer after so many seconds; empty when upstream answers."""
    answered: SimpleQueue[tuple[str, bool]] = SimpleQueue()
    left = dict.fromkeys(places(request))
    deadline_s = time.monotonic() + within_s
    for url in left:
        # A thread that is not waited for: looking up a name can take longer than any timeout.
        Thread(target=_ask, args=(url, answered, within_s), daemon=True).start()
    for _ in tuple(left):
        try:
            url, is_fine = answered.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except Empty:
            break
        if is_fine:
            del left[url]
    return tuple(left)


def _ask(url: str, answered: SimpleQueue[tuple[str, bool]], within_s: float) -> None:
    try:
        answered.put((url, web.get(url, timeout_s=within_s).status in FINE))
    except BuildError:
        answered.put((url, False))
