"""What preflight says of the pod network, before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provisioner.core.objects import Objects
from provisioner.preflight import networks
from provisioner.world.facts import HostState
from provisioner.world.view import View
from tests.builders import (
    bundle,
    changed,
    cluster,
    facts,
    host,
    joined,
    leading,
    live,
    network_objects,
    nic,
    node,
    view,
)

CP1, W1 = host("cp1", "10.0.0.11"), host("w1", "10.0.0.21")
MANIFEST = {"type": "manifest", "manifest": "/net.yaml"}


def seen(want: dict[str, Any], **more: Any) -> View:
    """Two fresh machines, and images from registries unless something else is said."""
    settings = {"images": "registry", **more.pop("settings", {})}
    return view(cluster(CP1, W1, network=want, **settings), **more)


def found(looked: View) -> dict[str, str]:
    """The findings by rule: `where: message → hint`."""
    problems = [problem for rule in networks.RULES for problem in rule(looked)]
    return {problem.rule: f"{problem} ({problem.severity.value})" for problem in problems}


@pytest.mark.parametrize(
    "network",
    [
        {"type": "bridge"},
        {"type": "calico", "encapsulation": "ipip"},
        {"type": "flannel", "version": "0.28.9"},
        {"type": "kube-router", "service_proxy": True},
        {"type": "weave"},
        {"type": "cilium", "manifest": "/cilium.yaml"},
        MANIFEST,
        {"type": "none"},
    ],
    ids=lambda network: network["type"],
)
def test_on_fresh_machines_nothing_stands_in_the_way(network: dict[str, Any]) -> None:
    assert found(seen(network)) == {}


def test_every_image_that_the_bundle_lacks_is_named() -> None:
    looked = seen({"type": "kube-router"}, settings={"images": "bundle"}, bundle=bundle())
    assert "image docker.io/cloudnativelabs/kube-router:v1.2.0 is not in the bundle" in found(looked)["image-missing"]
    whole = changed(looked, bundle=bundle(["docker.io/cloudnativelabs/kube-router:v1.2.0"]))
    assert "image-missing" not in found(whole)


def test_an_image_of_a_manifest_is_looked_for_under_its_mirrored_name() -> None:
    network = {**MANIFEST, "registry": "mirror.example:5000"}
    looked = seen(network, settings={"images": "bundle"}, bundle=bundle(), network=network_objects("quay.io/net/net:1"))
    assert "image mirror.example:5000/net/net:1 is not in the bundle" in found(looked)["image-missing"]


def test_a_manifest_without_a_daemon_set_is_no_plug_in() -> None:
    items = network_objects().items[:1]
    said = found(seen(MANIFEST, network=Objects("/net.yaml", items)))["no-daemon-set"]
    assert "/net.yaml: has no DaemonSet" in said


@pytest.mark.parametrize("kind", ["calico", "flannel"])
def test_an_interface_that_no_machine_has(kind: str) -> None:
    said = found(seen({"type": kind, "interface": "eth7"}))["no-interface"]
    assert said.startswith("cp1, w1: no host has the interface eth7")
    assert "they have eth0" in said


def test_an_interface_that_one_machine_lacks() -> None:
    measured = {
        "cp1": facts("cp1", "10.0.0.11", addresses=(nic("eth1", "10.0.0.11/24"),)),
        "w1": facts("w1", "10.0.0.21"),
    }
    said = found(seen({"type": "flannel", "interface": "eth1"}, facts=measured))["no-interface"]
    assert said.startswith("w1: these hosts do not have")


def test_flannel_that_needs_a_binary_which_is_not_made_any_more() -> None:
    states = {"cp1": HostState(packages={"kubernetes-cni": "1.1.1-1.1"}), "w1": HostState()}
    said = found(seen({"type": "flannel", "version": "0.13.0"}, states=states))["cni-binary"]
    assert "kubernetes-cni 1.1.1-1.1 has no plug-in `flannel` any more" in said
    assert "Use Flannel 0.28.9" in said
    older = dict.fromkeys(("cp1", "w1"), HostState(packages={"kubernetes-cni": "0.8.7-00"}))
    assert found(seen({"type": "flannel", "version": "0.13.0"}, states=older)) == {}


ADDRESSES = {"cp1": "10.0.0.11", "w1": "10.0.0.21"}


def running(network: dict[str, Any], **daemon_sets: str) -> View:
    """A cluster that runs with these DaemonSets, `kube_system__x` for `kube-system/x`, besides kube-proxy."""
    told = {name.replace("__", "/").replace("_", "-"): label for name, label in daemon_sets.items()}
    nodes = (node("cp1", 0, internal_ip="10.0.0.11"), node("w1", 1, internal_ip="10.0.0.21"))
    up = live(*nodes, daemon_sets={"kube-system/kube-proxy": "", **told})
    return seen(network, live=up, states={"cp1": leading(), "w1": joined()}, network=network_objects())


def test_a_second_plug_in_is_refused_also_beside_one_that_others_installed() -> None:
    for label in ("", "calico"):
        said = found(running({"type": "flannel"}, kube_system__calico_node=label))["other-network"]
        assert "the cluster's network is calico (DaemonSet kube-system/calico-node)" in said
        assert "network replace" in said
    assert found(running({"type": "flannel"}, kube_flannel__kube_flannel_ds="flannel")) == {}


def test_a_manifest_of_one_s_own_may_be_that_of_a_known_plug_in() -> None:
    looked = running(MANIFEST, kube_system__calico_node="")
    mine = changed(looked, network=network_objects(name="calico-node"))
    assert "other-network" in found(looked)
    assert found(mine) == {}


def test_who_looks_after_services_was_decided_when_the_cluster_was_made() -> None:
    said = found(running({"type": "kube-router", "service_proxy": True}))["kube-proxy"]
    assert "has kube-proxy, and the inventory wants it replaced by kube-router" in said
    bare = running({"type": "kube-router"})
    assert bare.observed.live
    without = changed(bare, live=replace(bare.observed.live, daemon_sets={"kube-system/kube-router": "kube-router"}))
    assert "wants it back" in found(without)["kube-proxy"]
