"""The test ground itself: what its server answers, and that its repositories are where upstream's are."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import pytest

from tests.repositories import layouts
from tests.repositories.server import Answer, SiteServer, damage, give, handler, refuse
from tests.unit.bundle.test_serve import FakeChannel, get, status

NAME = "core:/stable:/v1.20/deb/amd64/kubelet.deb"


@pytest.fixture
def site(tmp_path: Path) -> SiteServer:
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"kubelet")
    return SiteServer(tmp_path)


def ask(site: SiteServer, path: str = f"/{NAME}") -> bytes:
    channel = FakeChannel(get(path))
    handler(site)(channel, ("node", 0), None)
    return b"".join(channel.sent)


def test_files_are_handed_out_and_questions_noted(site: SiteServer) -> None:
    assert ask(site, "/core%3a/stable%3a/v1.20/deb/amd64/kubelet.deb").endswith(b"\r\n\r\nkubelet")
    assert site.asked == [NAME]
    assert site.proxied == []


def test_a_proxy_is_asked_for_whole_addresses(site: SiteServer) -> None:
    assert ask(site, f"http://pkgs.example/{NAME}").endswith(b"kubelet")
    assert site.proxied == [f"pkgs.example/{NAME}"]


@pytest.mark.parametrize(
    ("answer", "code", "content"),
    [(refuse(HTTPStatus.FORBIDDEN), 403, b""), (damage, 200, b"kubeleu"), (give(b"other"), 200, b"other")],
    ids=["refused", "damaged", "another file"],
)
def test_what_matches_is_answered_otherwise_for_a_while(
    site: SiteServer, answer: Answer, code: int, content: bytes
) -> None:
    with site.answering("*.deb", answer):
        said = ask(site)
    assert status(said) == code
    assert said.endswith(content)
    assert status(ask(site)) == 200


def test_the_repositories_are_where_upstreams_are() -> None:
    assert layouts.minor_layout("1.20", "amd64").base == "kubernetes/core:/stable:/v1.20/deb"
    docker = layouts.docker_layout("bookworm", "amd64")
    assert (docker.base, docker.index) == ("docker/linux/debian", "dists/bookworm/stable/binary-amd64")
    legacy = layouts.legacy_layout("amd64")
    assert (legacy.index, legacy.public_key) == ("dists/kubernetes-xenial/main/binary-amd64", "doc/apt-key.gpg")
