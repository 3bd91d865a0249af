"""What is done to manifests that the catalog does not know: Cilium's, and any other; and how objects are read."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.objects import Object, Objects, name_of, parse
from provisioner.errors import PreflightError
from provisioner.plays.network import patched
from tests.builders import cluster, facts, network_objects, view


def cilium(**data: str) -> Objects:
    """What a rendered chart has of what is looked at."""
    usual = {"ipam": "cluster-pool", "cluster-pool-ipv4-cidr": "10.0.0.0/8", "mtu": "0", **data}
    metadata = {"name": "cilium-config", "namespace": "kube-system"}
    configuration: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": usual}
    (daemon_set,) = network_objects("quay.io/cilium/cilium:v1.20.1@sha256:12", "cilium").of_kind("DaemonSet")
    return Objects("/cilium.yaml", (configuration, daemon_set))


def set_in(objects: Objects, **network: Any) -> Objects:
    desired = cluster(pod_cidr="10.32.0.0/16", network=network)
    return patched(view(desired, facts={"cp1": facts("cp1", "10.0.0.11")}), objects)


def data(objects: Objects) -> dict[str, str]:
    (configuration,) = objects.of_kind("ConfigMap")
    told: dict[str, str] = configuration["data"]
    return told


def test_cilium_agrees_with_the_cluster_about_its_network() -> None:
    after = set_in(cilium(), type="cilium", manifest="/cilium.yaml", mtu=1400, interface="eth1")
    assert data(after) == {
        "ipam": "cluster-pool", "cluster-pool-ipv4-cidr": "10.32.0.0/16", "mtu": "1400", "devices": "eth1",
    }  # fmt: skip
    assert after.images == ("quay.io/cilium/cilium:v1.20.1@sha256:12",), "as it was rendered"


def test_where_nodes_hand_out_addresses_cilium_is_left_as_it_is() -> None:
    before = cilium(ipam="kubernetes", mtu="1450")
    assert data(set_in(before, type="cilium", manifest="/cilium.yaml")) == data(before)


def test_cilium_is_told_what_passes_between_the_nodes_and_takes_off_its_own() -> None:
    assert data(set_in(cilium(), type="cilium", manifest="/cilium.yaml"))["mtu"] == "1500"


def test_a_mode_of_a_cloud_is_an_error() -> None:
    with pytest.raises(PreflightError, match="it says eni"):
        set_in(cilium(ipam="eni"), type="cilium", manifest="/cilium.yaml")


def test_a_manifest_that_is_not_cilium_s_is_an_error() -> None:
    with pytest.raises(PreflightError, match="there is no DaemonSet cilium"):
        set_in(network_objects(), type="cilium", manifest="/net.yaml")


@pytest.mark.parametrize(
    ("image", "mirrored"),
    [
        ("quay.io/net/net:1", "mirror.example:5000/k8s/net/net:1"),
        ("net/net:1", "mirror.example:5000/k8s/net/net:1"),
        ("net:1", "mirror.example:5000/k8s/net:1"),
        ("localhost:5000/net", "mirror.example:5000/k8s/net"),
    ],
)
def test_images_of_any_manifest_come_from_the_desired_registry(image: str, mirrored: str) -> None:
    network = {"type": "manifest", "manifest": "/net.yaml", "registry": "mirror.example:5000/k8s"}
    assert set_in(network_objects(image), **network).images == (mirrored,)


def test_what_is_applied_is_marked_as_ours_and_nothing_else_is_changed() -> None:
    before = network_objects()
    after = set_in(before, type="manifest", manifest="/net.yaml")
    for was, now in zip(before.items, after.items, strict=True):
        labels = {"provisioner/network": "manifest"}
        assert now == {**was, "metadata": {**was["metadata"], "labels": labels}}


def test_objects_of_lists_and_documents_are_read_in_order() -> None:
    text = "kind: A\napiVersion: v1\nmetadata: {name: a}\n---\n---\nkind: List\napiVersion: v1\nitems:\n"
    text += "- {kind: B, apiVersion: v1, metadata: {name: b, namespace: x}}\n"
    assert [name_of(item) for item in parse(text, "x").items] == ["A a", "B x/b"]
