"""Keys of repositories: taken when they are the ones that are known, or named; refused otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.bundle.upstream import repositories
from provisioner.bundle.upstream.repositories import definitions
from provisioner.bundle.upstream.request import Addresses, Request
from provisioner.errors import BuildError
from provisioner.inventory.values import Version
from provisioner.sources import openpgp
from tests.repositories.server import SiteServer, serving

KEY = Path(__file__).parents[1] / "cases/sources/key.asc"
FINGERPRINT = openpgp.read(KEY.read_text())[0].fingerprint


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SiteServer]:
    """Both repositories' keys where they are published: one as text in an old minor release alone, one binary."""
    places = {
        "k8s/v1.31/deb/Release.key": KEY.read_bytes(),
        "docker/debian/gpg": openpgp.read(KEY.read_text())[0].data,
    }
    for name, content in places.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True)
        (tmp_path / "site" / name).write_bytes(content)
    with serving(tmp_path / "site", "127.0.0.1") as site:
        yield site


@pytest.fixture
def want(server: SiteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setattr(repositories, "KEYRINGS", tmp_path)
    (tmp_path / "debian-archive-keyring.gpg").touch()
    at = Addresses(f"{server.address}/k8s", f"{server.address}/docker", mirror="http://mirror.example/debian")
    return Request(Version(1, 31, 2), addresses=at)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' key is the one that is known."""
    real = repositories.repositories
    monkeypatch.setattr(
        repositories, "repositories", lambda want: tuple(replace(one, fingerprint=FINGERPRINT) for one in real(want))
    )


@pytest.mark.usefixtures("known")
def test_published_keys_that_are_known_are_taken_in_either_form(
    want: Request, server: SiteServer, tmp_path: Path
) -> None:
    told = definitions(want, tmp_path)
    for product in ("kubernetes", "docker"):
        assert f"Signed-By: {tmp_path / product}.asc" in told[f"{product}.sources"]
        assert openpgp.read((tmp_path / f"{product}.asc").read_text())[0].fingerprint == FINGERPRINT
    assert server.asked[:2] == ["k8s/v1.37/deb/Release.key", "k8s/v1.31/deb/Release.key"]
    assert told["distribution.list"].count("http://mirror.example/debian") == 2


def test_a_key_that_is_not_the_known_one_is_refused(want: Request, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="its key does not have the known fingerprint DE15B14486CD377B") as caught:
        definitions(want, tmp_path)
    assert "--kubernetes-key" in caught.value.hint


def test_a_named_key_takes_its_place_and_no_server_is_asked(want: Request, server: SiteServer, tmp_path: Path) -> None:
    at = replace(want.addresses, kubernetes_key=KEY, docker_key=KEY)
    definitions(replace(want, addresses=at), tmp_path)
    assert openpgp.read((tmp_path / "kubernetes.asc").read_text())[0].fingerprint == FINGERPRINT
    assert server.asked == []


def test_a_file_that_is_no_key_is_refused(want: Request, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("<html>")
    for path, message in ((tmp_path / "key", "is not an OpenPGP public key"), (tmp_path / "none", "cannot be read")):
        at = replace(want.addresses, kubernetes_key=path)
        with pytest.raises(BuildError, match=message):
            definitions(replace(want, addresses=at), tmp_path)
