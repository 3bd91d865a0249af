"""Images from a registry: found by name, fetched by digest, and everything that can be wrong on the way."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from provisioner.bundle.upstream import room
from provisioner.bundle.upstream.images import Fetcher, write
from provisioner.bundle.upstream.registry import Pulled
from provisioner.bundle.upstream.registry import Registry as Client
from provisioner.core.report import Event, Waiting, ignore
from provisioner.errors import BuildError, BundleError
from tests.repositories.registry import Registry, sha256, small_image

NAME = "registry.example/coredns/coredns:v1.8.6"


@pytest.fixture
def fetcher(registry: Registry, tmp_path: Path) -> Fetcher:
    registry.add(NAME, *small_image(), "amd64")
    return Fetcher(Client(registry.address), tmp_path / "blobs", ignore)


def found(fetcher: Fetcher) -> Pulled:
    return fetcher.find((NAME,), "amd64")[NAME]


def test_an_image_is_found_by_its_name_and_fetched_by_digest(fetcher: Fetcher, registry: Registry) -> None:
    pulled = found(fetcher)
    fetcher.fetch({NAME: pulled})
    configuration, layers = small_image()
    assert pulled.configuration.sha256 == sha256(configuration)
    assert [layer.sha256 for layer in pulled.layers] == [sha256(layer) for layer in layers]
    assert all(sha256(fetcher.file(blob).read_bytes()) == blob.sha256 for blob in pulled.blobs)


def test_what_a_name_leads_to_for_all_platforms(registry: Registry) -> None:
    registry.add(NAME, *small_image(), "amd64")
    client = Client(registry.address)
    assert client.digest(NAME) == f"sha256:{registry.named['coredns/coredns:v1.8.6']}"
    assert client.digest("registry.example/pause:3.9") == ""


def test_a_registry_of_this_machine_needs_no_certificate(registry: Registry) -> None:
    name = f"{registry.address.removeprefix('http://')}/pause:3.2"
    registry.add(name, *small_image(), "amd64")
    assert Client().digest(name) == f"sha256:{registry.named['pause:3.2']}"


def test_the_token_is_asked_for_once_and_not_shown_to_the_content_server(fetcher: Fetcher, registry: Registry) -> None:
    fetcher.fetch({NAME: found(fetcher)})
    assert registry.asked.count("/token") == 1
    assert [path for path in registry.asked if path.startswith("/content/")]
    assert registry.leaked == []


def test_what_has_been_fetched_is_not_fetched_again(fetcher: Fetcher, registry: Registry) -> None:
    pulled = found(fetcher)
    fetcher.fetch({NAME: pulled})
    fetcher.file(pulled.layers[0]).unlink()
    registry.asked.clear()
    fetcher.fetch({NAME: pulled})
    content = [path for path in registry.asked if path.startswith("/content/")]
    assert content == [f"/content/{pulled.layers[0].sha256}"]


def test_a_file_that_is_not_what_its_digest_says_is_refused(fetcher: Fetcher, registry: Registry) -> None:
    pulled = found(fetcher)
    registry.content[pulled.layers[0].sha256] = b"something else"
    with pytest.raises(BuildError, match=rf"its SHA-256 is {sha256(b'something else')}, not {pulled.layers[0].sha256}"):
        fetcher.fetch({NAME: pulled})
    assert pulled.layers[0].sha256 not in {path.name.removeprefix("sha256-") for path in fetcher.kept.iterdir()}
    assert not list(fetcher.kept.glob("*.part"))


def test_a_manifest_that_is_not_what_its_index_says_is_refused(fetcher: Fetcher, registry: Registry) -> None:
    digest = found(fetcher).digest
    registry.content[digest] = registry.content[digest].replace(b"{", b"{ ", 1)
    with pytest.raises(BuildError, match="its manifest has the SHA-256"):
        found(fetcher)


def test_all_images_that_are_missing_are_named(fetcher: Fetcher) -> None:
    with pytest.raises(BuildError, match=r"registry has no registry.example/etcd:3, registry.example/pause:3.2"):
        fetcher.find((NAME, "registry.example/etcd:3", "registry.example/pause:3.2"), "amd64")


def test_another_architecture_is_answered_with_those_that_are_there(fetcher: Fetcher) -> None:
    with pytest.raises(BuildError, match="there is no image for arm64") as caught:
        fetcher.find((NAME,), "arm64")
    assert "amd64" in caught.value.hint


def test_an_image_whose_configuration_is_for_another_architecture_is_refused(
    fetcher: Fetcher, registry: Registry, tmp_path: Path
) -> None:
    registry.add(NAME, *small_image("s390x"), "amd64")
    pulled = found(fetcher)
    fetcher.fetch({NAME: pulled})
    with pytest.raises(BuildError, match="is for s390x"):
        write(NAME, pulled, fetcher, tmp_path, "amd64")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Please log in</html>", "the answer is not JSON"),
        (b'{"schemaVersion": 1, "fsLayers": []}', "of an unknown kind"),
        (b'{"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd"}]}', "packed by gzip"),
        (b'{"layers": [], "config": {"digest": "sha512:00", "size": 1}}', "not a digest that can be checked"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_explained(
    body: bytes, message: str, fetcher: Fetcher, registry: Registry
) -> None:
    registry.named["coredns/coredns:v1.8.6"] = registry.keep(body, "text/html")["digest"].removeprefix("sha256:")
    with pytest.raises(BuildError) as caught:
        found(fetcher)
    assert message in f"{caught.value} {caught.value.hint}"


def test_the_archive_is_as_docker_saves_it(fetcher: Fetcher, tmp_path: Path) -> None:
    pulled = found(fetcher)
    fetcher.fetch({NAME: pulled})
    name = write(NAME, pulled, fetcher, tmp_path, "amd64")
    assert name == "registry.example_coredns_coredns_v1.8.6.tar"
    with tarfile.open(tmp_path / name) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        content = {inside: file.read() for inside, file in files.items() if file}
    (told,) = json.loads(content["manifest.json"])
    configuration, layers = small_image()
    assert told["RepoTags"] == [NAME]
    assert content[told["Config"]] == configuration
    assert [content[layer] for layer in told["Layers"]] == layers


def test_a_full_disk_is_noticed_before_anything_is_fetched(
    fetcher: Fetcher, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = found(fetcher)
    monkeypatch.setattr(room, "TIMES", 2**60)
    registry.asked.clear()
    with pytest.raises(BundleError, match="the images need"):
        fetcher.fetch({NAME: pulled})
    assert registry.asked == []


def test_how_far_it_is_is_told(fetcher: Fetcher, registry: Registry) -> None:
    events: list[Event] = []
    Fetcher(fetcher.registry, fetcher.kept, events.append).fetch({NAME: found(fetcher)})
    assert [event for event in events if isinstance(event, Waiting) and f"MiB, {NAME}" in event.what]


def test_a_registry_that_wants_a_login_says_so(fetcher: Fetcher, registry: Registry) -> None:
    registry.challenge = "Basic realm=private"
    with pytest.raises(BuildError, match="requires a login"):
        found(fetcher)
