"""The image of the probes: what it may be called, and what to do on a node that lacks it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from provisioner.inventory.model import ClusterSettings
from provisioner.verification.probe_objects import IMAGE, desired_image, where_from


def settings(**more: str) -> ClusterSettings:
    return ClusterSettings.model_validate({"kubernetes_version": "1.20.2", **more})


@pytest.mark.parametrize(
    ("desired", "image"),
    [
        ({}, IMAGE),
        ({"probe_image": "mirror.example/busybox:1"}, "mirror.example/busybox:1"),
        ({"images": "registry"}, IMAGE),
        ({"images": "registry", "image_repository": "mirror.example/k8s"}, "mirror.example/k8s/probe:1"),
        (
            {"images": "registry", "image_repository": "mirror.example/k8s", "probe_image": "other.example/busybox"},
            "other.example/busybox",
        ),
    ],
)
def test_the_image_follows_from_the_inventory(desired: dict[str, str], image: str) -> None:
    assert desired_image(settings(**desired)) == image


@pytest.mark.parametrize(
    ("image", "desired", "words"),
    [
        (IMAGE, {}, "comes from the bundle: `provisioner apply` loads it"),
        (IMAGE, {"images": "registry"}, "set `probe_image` under `cluster:`, or --probe-image, to an image"),
        ("other.example/busybox", {}, "set `probe_image` under `cluster:`, or --probe-image, to an image"),
    ],
)
def test_a_node_that_lacks_it_tells_where_it_should_come_from(image: str, desired: dict[str, str], words: str) -> None:
    assert words in where_from(image, settings(**desired))


@pytest.mark.parametrize(
    "image", ["busybox", "mirror.example:5000/tools/busybox:1.36", f"mirror.example/busybox@sha256:{'a' * 64}"]
)
def test_an_image_is_named_with_or_without_tag_and_digest(image: str) -> None:
    assert settings(probe_image=image).probe_image == image


@pytest.mark.parametrize(
    "image", ["", "https://mirror.example/busybox", "Busybox", "busybox:", "busybox:1 x", "busybox@sha256:1"]
)
def test_what_is_no_image_is_refused_at_load(image: str) -> None:
    with pytest.raises(ValidationError):
        settings(probe_image=image)
