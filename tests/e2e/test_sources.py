"""Packages from real, signed repositories in upstream's layouts, by real apt: what is wrong with a source is found
before anything is touched, and what former installations left gives way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from tests.conftest import Tally
from tests.e2e.ground import PACKAGES, Ground
from tests.e2e.world import Said
from tests.repositories.server import Answer, damage, give, hang, refuse

pytestmark = pytest.mark.e2e

CASES = "package source cases tried"


def problems(said: Said) -> str:
    """The findings as one text."""
    return "\n".join(" ".join(str(value) for value in one.values()) for one in said.report.get("problems", ()))


@dataclass(frozen=True)
class Fault:
    """What a server answers, what the inventory says otherwise, and words of the finding."""

    title: str
    words: tuple[str, ...]
    answers: Callable[[Ground], tuple[tuple[str, Answer], ...]] = lambda here: ()
    cluster: Callable[[Ground], dict[str, Any]] = lambda here: {}


def _stranger(here: Ground) -> tuple[tuple[str, Answer], ...]:
    return (("kubernetes/*/Release.key", give(here.site.keys["stranger"].armored.encode())),)


FAULTS = (
    Fault(
        "the key has expired",
        ("source-silent", "v1.20/deb", "expired"),
        cluster=lambda here: {"package_source": here.kubernetes(key=None)},
    ),
    Fault("another key with the same name", ("source-key", "and it should be"), _stranger),
    Fault(
        "another key, and no fingerprint to tell it by",
        ("source-silent", "which is not configured for it"),
        _stranger,
        lambda here: {"package_source": here.kubernetes(fingerprint=None)},
    ),
    Fault(
        "a page in the key's place",
        ("source-key", "is not an OpenPGP public key", "v1.37/deb/Release.key"),
        lambda here: (("kubernetes/*/Release.key", give(b"<html>Please log in</html>")),),
    ),
    Fault("no key", ("404",), lambda here: (("docker/linux/debian/gpg", refuse(HTTPStatus.NOT_FOUND)),)),
    Fault("403", ("403", "docker/linux/debian"), lambda here: (("docker/*/dists/*", refuse(HTTPStatus.FORBIDDEN)),)),
    Fault(
        "404",
        ("source-silent", "v1.20/deb", "There is no repository"),
        lambda here: (("kubernetes/*/v1.20/*Release", refuse(HTTPStatus.NOT_FOUND)),),
    ),
    Fault("a server that hangs", ("source-silent", "docker"), lambda here: (("docker/*/dists/*", hang),)),
    Fault("a damaged index", ("Hash Sum mismatch",), lambda here: (("kubernetes/*/Packages*", damage),)),
    Fault(
        "a version that is not there",
        ("no-such-version", "docker-ce 20.10.99", "5:20.10.24~3-0~debian-bookworm", "5:20.10.23~3-0~debian-bookworm"),
        cluster=lambda here: {"runtime": here.docker("20.10.99")},
    ),
    Fault(
        "a Kubernetes that is not there",
        ("no-such-version", "kubelet 1.20.9", "1.20.4-1.1", "1.20.2-1.1", "1.20.1-1.1"),
        cluster=lambda here: {"kubernetes_version": "1.20.9", "images": "registry"},
    ),
    Fault(
        "a minor without a repository",
        ("v1.21/deb", "There is no repository"),
        cluster=lambda here: {"kubernetes_version": "1.21.2", "images": "registry"},
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_a_bad_source_is_found_before_anything_is_touched(sources: Ground, fault: Fault, tally: Tally) -> None:
    tally(CASES, 1)
    before = sources.world.shell("cp1", PACKAGES)
    with ExitStack() as answers:
        for pattern, answer in fault.answers(sources):
            answers.enter_context(sources.server.answering(pattern, answer))
        said = sources.packages("apply", "--limit", "cp1", **fault.cluster(sources))
    assert said.code == 3, said
    assert [word for word in fault.words if word not in problems(said)] == [], said
    assert sources.world.shell("cp1", PACKAGES) == before
    assert sources.world.shell("cp1", "ls -d /tmp/tmp.* 2>/dev/null || :") == ""
