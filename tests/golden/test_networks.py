"""What is set in the manifest of every plug-in, in every version that the catalog has and with every setting: the
changes alone, as the manifests are not ours to keep.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Interface
from typing import Any

import pytest

from provisioner.catalog.networks import RELEASES, NetworkRelease
from provisioner.core.objects import Objects
from provisioner.errors import PreflightError
from provisioner.inventory.networks import release
from provisioner.plays.network import patched
from provisioner.world.network import Decision
from provisioner.world.view import View
from tests.builders import changed, cluster, facts, view
from tests.conftest import Golden
from tests.networks.manifests import changes, file_of, objects_of

# By plug-in and variant, the settings that lead to that manifest; each is tried with and without what can be left out.
WAYS: dict[tuple[str, str], dict[str, Any]] = {
    ("calico", "vxlan"): {},
    ("calico", "ipip"): {"encapsulation": "ipip"},
    ("flannel", "kube-flannel"): {},
    ("kube-router", "routing"): {},
    ("kube-router", "all-features"): {"service_proxy": True},
    ("kube-router", "all-features-hostport"): {"service_proxy": True, "host_ports": True},
    ("weave", "weave-daemonset"): {},
}
MORE: dict[str, dict[str, dict[str, Any]]] = {
    "calico": {"interface": {"interface": "eth1"}},
    "flannel": {"host-gw": {"backend": "host-gw"}, "interface": {"interface": "eth1"}},
    "kube-router": {},
    "weave": {},
}
# Where each has the size of the pods' packets, and which it is where packets of 1400 bytes pass between the nodes.
_IN_JSON = '\\"mtu\\": '
NARROW = {
    ("calico", "vxlan"): '"veth_mtu": "1350"',
    ("calico", "ipip"): '"veth_mtu": "1380"',
    ("flannel", "kube-flannel"): f"{_IN_JSON}1350",
    ("kube-router", "routing"): f"{_IN_JSON}1380",
    ("kube-router", "all-features"): f"{_IN_JSON}1380",
    ("kube-router", "all-features-hostport"): f"{_IN_JSON}1380",
    ("weave", "weave-daemonset"): '"WEAVE_MTU", "value": "1276"',
}
COMMON: dict[str, dict[str, Any]] = {
    "plain": {},
    "mtu": {"mtu": 1400},
    "registry": {"registry": "mirror.example:5000/k8s"},
}
CASES = [
    pytest.param(row, title, {**WAYS[row.plug_in, row.variant], **settings}, id=f"{row.file}-{title}")
    for row in RELEASES
    for title, settings in {**COMMON, **MORE[row.plug_in]}.items()
]


def wanting(row: NetworkRelease, settings: dict[str, Any]) -> View:
    """A cluster of a release that the plug-in is for, with a pod network that is nobody's default."""
    network = {"type": row.plug_in, "version": row.version, **settings}
    desired = cluster(kubernetes_version=f"1.{row.since}.1", pod_cidr="10.32.0.0/16", network=network)
    return view(desired, facts={"cp1": facts("cp1", "10.0.0.11")})


@pytest.mark.parametrize("row", RELEASES, ids=lambda row: row.file)
def test_the_hash_in_the_catalog_is_that_of_the_file(row: NetworkRelease) -> None:
    assert hashlib.sha256(file_of(row).read_bytes()).hexdigest() == row.sha256


@pytest.mark.parametrize(("row", "title", "settings"), CASES)
def test_what_is_set(row: NetworkRelease, title: str, settings: dict[str, Any], golden: Golden) -> None:
    seen, before = wanting(row, settings), objects_of(row)
    assert release(seen.cluster.settings.network, row.since) is row
    after = patched(seen, before)
    golden(f"networks/{row.file.removesuffix('.yaml')}/{title}.txt", changes(before, after))
    assert before == objects_of(row), "the manifest itself stays as it was"


@pytest.mark.parametrize("row", RELEASES, ids=lambda row: row.file)
def test_where_the_way_is_narrower_than_the_interface_pods_are_told(row: NetworkRelease) -> None:
    """Packets of 1400 bytes pass between the nodes, whatever their interfaces say."""
    decided = {"cp1": Decision("eth0", IPv4Interface("10.0.0.11/24"), 1400)}
    seen = changed(wanting(row, WAYS[row.plug_in, row.variant]), addresses=decided)
    assert NARROW[row.plug_in, row.variant] in patched(seen, objects_of(row)).as_json()


@pytest.mark.parametrize("row", RELEASES, ids=lambda row: row.file)
def test_every_image_is_one_of_the_catalog_with_its_exact_tag(row: NetworkRelease) -> None:
    after = patched(wanting(row, WAYS[row.plug_in, row.variant]), objects_of(row))
    assert sorted(after.images) == sorted(row.images)


# What the patch of each plug-in needs of its manifest, by the place that is taken away.
PLACES = [
    ("calico", "ConfigMap", "calico-config"),
    ("calico", "DaemonSet", "calico-node"),
    ("flannel", "ConfigMap", "kube-flannel-cfg"),
    ("flannel", "DaemonSet", "kube-flannel-ds"),
    ("kube-router", "ConfigMap", "kube-router-cfg"),
    ("kube-router", "DaemonSet", "kube-router"),
    ("weave", "DaemonSet", "weave-net"),
]


@pytest.mark.parametrize(("plug_in", "kind", "name"), PLACES, ids=lambda part: str(part))
def test_a_manifest_without_the_expected_place_is_an_error(plug_in: str, kind: str, name: str) -> None:
    for row in (row for row in RELEASES if row.plug_in == plug_in):
        whole = objects_of(row)
        items = tuple(item for item in whole.items if (item["kind"], item["metadata"]["name"]) != (kind, name))
        assert len(items) == len(whole.items) - 1
        with pytest.raises(PreflightError, match=f"there is no {kind} {name}"):
            patched(wanting(row, WAYS[row.plug_in, row.variant]), Objects(whole.origin, items))


def test_a_manifest_of_another_variant_is_an_error() -> None:
    rows = {(row.plug_in, row.version, row.variant): row for row in RELEASES}
    with pytest.raises(PreflightError, match="there is no backend for vxlan"):
        patched(wanting(rows["calico", "3.31.7", "vxlan"], {}), objects_of(rows["calico", "3.31.7", "ipip"]))
    with pytest.raises(PreflightError, match="--run-service-proxy=false"):
        patched(
            wanting(rows["kube-router", "2.11.1", "routing"], {}),
            objects_of(rows["kube-router", "2.11.1", "all-features"]),
        )
