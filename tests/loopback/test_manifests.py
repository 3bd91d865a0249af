"""A network's manifest, from a file, a bundle and a server: what is not as it should be is one clear error."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner.bundle.common.manifest import Content, Kind
from provisioner.bundle.common.reading import Bundle
from provisioner.errors import PreflightError, UsageError
from provisioner.manifests.fetching import load
from tests.builders import bundle, cluster, network_objects
from tests.loopback.test_web import closed_address
from tests.repositories.server import serving

TEXT = network_objects().as_json()
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
HTML = "<!DOCTYPE html>\n<html><body>sign in</body></html>"


def loaded(tmp_path: Path, given: Bundle | None = None, **network: Any) -> Any:
    """With a cache of its own."""
    return load(cluster(network={"type": "manifest", **network}), given, tmp_path / "cache")


def refused(tmp_path: Path, **network: Any) -> PreflightError:
    with pytest.raises(PreflightError) as error:
        loaded(tmp_path, **network)
    assert error.value.exit_code == 3
    assert error.value.hint
    return error.value


def test_a_file_and_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(TEXT)
    assert loaded(tmp_path, manifest=str(file)).items == network_objects().items
    assert loaded(tmp_path, manifest=str(file), sha256=SHA256)
    assert f"its SHA-256 is {SHA256}, not {'0' * 64}" in refused(tmp_path, manifest=str(file), sha256="0" * 64).message
    with pytest.raises(UsageError, match="No such file"):
        loaded(tmp_path, manifest=str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HTML, "is an HTML page, not a manifest"),
        ("a: [", "is not YAML (line "),
        ("", "is empty"),
        ("just words", "is not a Kubernetes object"),
        ("kind: Pod\n", "is not a Kubernetes object"),
        ("apiVersion: v1\nkind: Pod\n", "has a Pod without a name"),
        ("apiVersion: v1\nkind: List\nitems:\n", "is empty"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(text)
    assert says in refused(tmp_path, manifest=str(file)).message


def test_what_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "is not text" in refused(tmp_path, manifest=str(file)).message


def test_a_server_gives_it_once(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "net.yaml").write_text(TEXT)
    with serving(tmp_path / "site", "127.0.0.1") as server:
        url = f"{server.address}/net.yaml"
        assert loaded(tmp_path, manifest=url, sha256=SHA256)
        assert "its SHA-256 is" in refused(tmp_path, manifest=url, sha256="0" * 64).message
        (tmp_path / "site" / "net.yaml").write_text(HTML)
        assert "is an HTML page" in refused(tmp_path, manifest=url, sha256="1" * 64).message
        assert "404" in refused(tmp_path, manifest=f"{server.address}/none.yaml", sha256="2" * 64).message
        server.asked.clear()
        assert loaded(tmp_path, manifest=url, sha256=SHA256).items == network_objects().items
        assert server.asked == [], "what is here already is known by its hash"


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    said = refused(tmp_path, manifest=f"{closed_address()}/net.yaml", sha256=SHA256)
    assert "does not answer" in said.message
    assert "Name a file instead" in said.hint


def test_the_bundle_has_it_under_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "x.yaml").write_text(TEXT)
    made = bundle()
    content = Content(path="manifests/x.yaml", kind=Kind.MANIFEST, name="x", size=len(TEXT), sha256=SHA256)
    manifest = made.manifest.model_copy(update={"contents": (*made.manifest.contents, content)})
    own = replace(made, path=tmp_path, manifest=manifest)
    assert (
        loaded(tmp_path, own, manifest=f"{closed_address()}/net.yaml", sha256=SHA256).items == network_objects().items
    )


def test_a_known_plug_in_s_file_must_be_the_one_of_the_catalog(tmp_path: Path) -> None:
    file = tmp_path / "flannel.yaml"
    file.write_text(TEXT)
    with pytest.raises(PreflightError, match="its SHA-256 is"):
        load(cluster(network={"type": "flannel", "manifest": str(file)}), None)


def test_networks_without_a_manifest(tmp_path: Path) -> None:
    assert load(cluster(network={"type": "bridge"}), None) is None
    assert load(cluster(network={"type": "none"}), None) is None
    assert load(cluster(network={"type": "flannel"}), bundle()) is None, "its images are missed first"
    assert json.loads(TEXT)["kind"] == "List"
