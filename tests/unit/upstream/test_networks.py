"""Which manifests and images a bundle has for a network, found before anything is fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.bundle.upstream import networks
from provisioner.errors import PreflightError, UsageError
from tests.builders import network_objects
from tests.unit.upstream.test_request import want


@pytest.mark.parametrize(
    ("version", "network", "message", "hint"),
    [
        ("1.20.2", "carrier-pigeon", "carrier-pigeon", "bridge, none, calico, flannel, kube-router, weave"),
        ("1.34.1", "flannel:9.9.9", "flannel 9.9.9 is not in the catalog", "0.28.9, 0.13.0"),
        ("1.20.2", "calico", "no known version of calico is for Kubernetes 1.20", "--network calico:3.31.7"),
    ],
)
def test_what_cannot_be(version: str, network: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        networks.check(want(version, network=network))
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("version", "network", "manifests", "images"),
    [
        ("1.20.2", "bridge", 0, 0),
        ("1.20.2", "none", 0, 0),
        ("1.34.1", "calico", 2, 3),
        ("1.20.2", "calico:3.31.7", 2, 3),
        ("1.34.1", "flannel", 1, 2),
        ("1.20.2", "flannel:0.13.0", 1, 1),
        ("1.20.2", "kube-router", 3, 1),
        ("1.34.1", "kube-router", 3, 1),
        ("1.20.2", "weave", 1, 2),
    ],
)
def test_what_belongs_to_a_network(version: str, network: str, manifests: int, images: int) -> None:
    request = want(version, network=network)
    networks.check(request)
    assert (len(networks.rows(request)), len(networks.images(request))) == (manifests, images)


def test_a_manifest_of_one_s_own_brings_its_images(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(network_objects("mirror.example/net:1").as_json())
    request = want(network=str(file))
    networks.check(request)
    assert networks.images(request) == ("mirror.example/net:1",)
    (tmp_path / "into").mkdir()
    assert networks.write(request, tmp_path / "into") == (("net.yaml", "net.yaml"),)
    assert json.loads((tmp_path / "into" / "net.yaml").read_text())["kind"] == "List"
    file.write_text("<html>")
    with pytest.raises(PreflightError, match="is an HTML page"):
        networks.images(request)
