"""What preflight says of package sources, from what apt of each release has really answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from provisioner import preflight
from provisioner.sources import openpgp
from provisioner.sources.armor import armored
from provisioner.world.offers import Answer, Offer
from tests.builders import cluster, facts, host, view
from tests.conftest import TESTS

KEY = (TESTS / "cases" / "sources" / "key.asc").read_text()
FINGERPRINT = openpgp.read(KEY)[0].fingerprint
MIRROR = "http://mirror.example/core:/stable:"
PAGE = armored(b"<html>Please log in</html>")
UNSIGNED = f"E: The repository '{MIRROR}/v1.20/deb  InRelease' is not signed."
NO_PUBKEY = (
    f"W: GPG error: {MIRROR}/v1.20/deb  InRelease: The following signatures couldn't be verified because the public "
    f"key is not available: NO_PUBKEY 5F5FB547A6DF6C12\n{UNSIGNED}"
)
EXPIRED_13 = (
    f"W: OpenPGP signature verification failed: {MIRROR}/v1.20/deb  InRelease: Sub-process /usr/bin/sqv returned an "
    "error code (1), error message is: Signing key on A0E86B2261690CC9112F1C665F5FB547A6DF6C12 is bad:            "
    f"The primary key is not live   because: Expired on 2024-07-31T00:00:00Z\n{UNSIGNED}"
)
FORBIDDEN = (
    f"E: Failed to fetch {MIRROR}/v1.20/deb/InRelease  403  Forbidden [IP: 10.213.2.1 41911]\n"
    f"E: The repository '{MIRROR}/v1.20/deb  InRelease' is not signed."
)


@dataclass(frozen=True)
class Case:
    """What a source has answered, and words of the only finding, its hint among them."""

    title: str
    answer: Answer
    words: tuple[str, ...]
    fingerprint: str | None = FINGERPRINT


CASES = (
    Case(
        "another key than the inventory says, whatever apt makes of it",
        Answer(keys=KEY, trouble=NO_PUBKEY),
        ("source-key", FINGERPRINT, "it should be AAAA"),
        "A" * 40,
    ),
    Case("a page in the key's place", Answer(keys=PAGE, trouble=NO_PUBKEY), ("source-key", "v1.20/deb/Release.key")),
    Case(
        "something beside the right key",
        Answer(keys=armored(openpgp.read(KEY)[0].data + b"\xc8\xe1\0\0\1\0")),
        ("source-key", "has a packet in parts, which no OpenPGP public key has", f"it should be {FINGERPRINT}"),
    ),
    Case(
        "another key, and the inventory does not say which",
        Answer(keys=KEY, trouble=NO_PUBKEY),
        ("source-silent", f"{MIRROR}/v1.20/deb: The following signatures", "5F5FB547A6DF6C12, which is not configured"),
        None,
    ),
    Case(
        "an expired key, Debian 13",
        Answer(keys=KEY, trouble=EXPIRED_13),
        ("source-silent", f"{MIRROR}/v1.20/deb: Sub-process /usr/bin/sqv", "has expired"),
    ),
    Case(
        "refused",
        Answer(keys=KEY, trouble=FORBIDDEN),
        ("source-silent", f"{MIRROR}/v1.20/deb/InRelease: 403 Forbidden", "login or a proxy"),
    ),
)


def told(answer: Answer, product: str = "kubernetes", **settings: Any) -> list[str]:
    """The findings about sources on a machine alone, each as one text."""
    one = cluster(host("cp1", "10.0.0.11"), images="bundle", **settings)
    seen = view(one, answers={("cp1", product): answer}, facts={"cp1": facts("cp1", "10.0.0.11", codename="trixie")})
    return [f"{each.rule} {each.message} {each.hint}" for each in preflight.rules(seen)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_what_is_wrong_with_a_source_is_said(case: Case) -> None:
    (finding,) = told(case.answer, package_source={"type": "mirror", "url": MIRROR, "fingerprint": case.fingerprint})
    assert [word for word in case.words if word not in finding] == [], finding


def test_a_docker_that_is_too_new_by_itself_may_be_named() -> None:
    offers = tuple(Offer(name, "5:26.1.5-1~debian.13~trixie") for name in ("docker-ce", "docker-ce-cli"))
    answer = Answer((*offers, Offer("containerd.io", "1.7.27-1")), KEY)
    docker = {"type": "mirror", "url": "http://mirror.example/docker/linux", "fingerprint": FINGERPRINT}
    source = {"type": "mirror", "url": MIRROR, "fingerprint": FINGERPRINT}
    (finding,) = told(answer, "docker", package_source=source, runtime={"source": docker})
    assert "no docker-ce, docker-ce-cli that fits Kubernetes 1.20.2; it has docker-ce 5:26.1.5-1" in finding
    assert "runtime.version" in finding


def test_images_of_a_bundle_do_for_every_distribution() -> None:
    assert told(Answer(keys=KEY), package_source={"type": "bundle"}) == [
        "distribution runs debian trixie, and the bundle is for debian bookworm "
        "Use hosts with that distribution, or a bundle built for theirs."
    ]
    good = Answer(tuple(Offer(name, "1.20.2-1.1") for name in ("kubeadm", "kubectl", "kubelet")), KEY)
    assert told(good, package_source={"type": "mirror", "url": MIRROR, "fingerprint": FINGERPRINT}) == []
