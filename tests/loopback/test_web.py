"""Servers that refuse, do not answer, or do not exist."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.bundle.upstream import answering, web
from provisioner.bundle.upstream.request import Addresses, Request
from provisioner.bundle.upstream.web import Blob
from provisioner.errors import BuildError
from provisioner.inventory.values import Version
from tests.repositories.registry import Registry
from tests.repositories.server import SiteServer, hang, serving

FILES = ("k8s/v1.31/deb/InRelease", "docker/debian/dists/bookworm/InRelease")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteServer]:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("signed")
    with serving(tmp_path, "127.0.0.1") as server:
        yield server


def want(site: SiteServer, registry: Registry) -> Request:
    at = Addresses(f"{site.address}/k8s", f"{site.address}/docker", registry.address)
    return Request(Version(1, 31, 2), addresses=at)


def closed_address() -> str:
    """An address at which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_upstream_is_there_when_all_its_servers_are(site: SiteServer, registry: Registry) -> None:
    assert answering.silent(want(site, registry)) == ()


def test_a_server_that_is_not_there_is_named(site: SiteServer, registry: Registry) -> None:
    registry.address = closed_address()
    assert answering.silent(want(site, registry)) == (f"{registry.address}/v2/",)


def test_a_repository_without_that_release_is_named(site: SiteServer, registry: Registry) -> None:
    (site.directory / FILES[0]).unlink()
    assert answering.silent(want(site, registry)) == (f"{site.address}/{FILES[0]}",)


def test_a_server_that_says_nothing_is_not_waited_for(site: SiteServer, registry: Registry) -> None:
    with site.answering("docker/*", hang):
        assert answering.silent(want(site, registry), within_s=0.3) == (f"{site.address}/{FILES[1]}",)


def test_a_server_that_is_down_is_an_error_with_its_name(tmp_path: Path) -> None:
    address = closed_address()
    with pytest.raises(BuildError, match=rf"{address.removeprefix('http://')} does not answer"):
        web.get(f"{address}/x")
    with pytest.raises(BuildError, match="does not answer"):
        web.download(f"{address}/x", Blob("0" * 64, 1), tmp_path / "x", {}, lambda size: None)


def test_what_is_not_there_is_an_error_with_its_address(site: SiteServer, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=rf"{site.address}/x: the server says 404 Not Found"):
        web.download(f"{site.address}/x", Blob("0" * 64, 1), tmp_path / "x", {}, lambda size: None)


def test_only_servers_are_asked() -> None:
    with pytest.raises(BuildError, match="is not an address of a server"):
        web.get("file:///etc/passwd")
