"""The catalog: every row has a source, and what only grows over the releases only grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise

import pytest

from provisioner.catalog import binaries, containerd, eras, networks, packages, runtimes
from provisioner.catalog.kubernetes import Release, release, releases, rules_for
from provisioner.catalog.rules import number
from tests.builders import DNS, IMAGES

ALL = releases()
TABLES: tuple[tuple[object, ...], ...] = (
    ALL,
    runtimes.RUNTIMES,
    runtimes.RANGES,
    runtimes.TESTED,
    containerd.LINES,
    containerd.KEYS,
    networks.RELEASES,
    networks.PORTS,
    packages.REPOSITORIES,
    packages.DISTRIBUTIONS,
    binaries.BINARIES,
)


def rows(value: object) -> Iterator[object]:
    """A row and the rows that it is put together from."""
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from rows(getattr(value, field.name))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(table[0]).__name__)
def test_every_row_names_its_source(table: tuple[object, ...]) -> None:
    for row in table:
        for part in rows(row):
            assert str(getattr(part, "source", "")).startswith("https://"), part


def test_releases_are_without_gap_and_found_by_their_series() -> None:
    assert [row.minor for row in ALL] == list(range(19, 38))
    assert all(release(row.series) is row for row in ALL)
    assert release("1.2") is None


def test_what_the_catalog_does_not_know_goes_by_the_nearest_rules() -> None:
    assert [rules_for(series).series for series in ("1.9", "1.20", "1.38", "2.0")] == ["1.19", "1.20", "1.37", "1.37"]


def _cgroup(row: Release) -> int:
    return ("accepted", "maintenance", "refused").index(row.kubelet.cgroup_v1)


GROWING: dict[str, Callable[[Release], object]] = {
    "coredns": lambda row: number(row.coredns),
    "etcd": lambda row: number(row.etcd),
    "pause": lambda row: number(row.pause),
    "kubeadm's API": lambda row: row.kubeadm.api,
    "kubeadm validates": lambda row: row.kubeadm.validates,
    "what can be patched": lambda row: len(row.kubeadm.patch_targets),
    "CRI": lambda row: (min(row.cri.versions), -len(row.cri.versions)) if "v1" in row.cri.versions else ("", 0),
    "registry": lambda row: row.registry.address,
    "CoreDNS's path": lambda row: row.registry.coredns.count("/"),
    "cgroup v1": _cgroup,
    "flags that are gone": lambda row: len(row.kubelet.removed_flags),
    "skew": lambda row: row.kubelet.behind,
    "names": lambda row: [eras.CONTROL_PLANE in names for names in (row.names.labels, row.names.taints)],
    "old names gone": lambda row: [eras.MASTER not in names for names in (row.names.labels, row.names.taints)],
    "supported": lambda row: not row.ended,
}


@pytest.mark.parametrize("column", GROWING)
def test_nothing_goes_back_from_one_release_to_the_next(column: str) -> None:
    for older, newer in pairwise(ALL):
        before, after = (GROWING[column](row) for row in (older, newer))
        assert before <= after, f"{column}: {older.series} has {before}, {newer.series} has {after}"  # type: ignore[operator]


def test_a_flag_that_is_gone_stays_gone() -> None:
    for older, newer in pairwise(ALL):
        assert set(older.kubelet.removed_flags) <= set(newer.kubelet.removed_flags)


def test_the_eras_begin_where_upstream_says() -> None:
    def begins(wanted: Callable[[Release], bool]) -> str:
        return next(row.series for row in ALL if wanted(row))

    assert begins(lambda row: row.kubeadm.api == "v1beta3") == "1.22"
    assert begins(lambda row: row.kubeadm.api == "v1beta4") == "1.31"
    assert begins(lambda row: row.kubeadm.arguments == "list") == "1.31"
    assert begins(lambda row: row.kubeadm.validates) == "1.26"
    assert begins(lambda row: "v1alpha2" not in row.cri.versions) == "1.26"
    assert begins(lambda row: row.kubelet.cgroup_v1 == "refused") == "1.35"
    assert begins(lambda row: "pod-infra-container-image" in row.kubelet.removed_flags) == "1.35"
    assert begins(lambda row: row.names.taints == (eras.CONTROL_PLANE,)) == "1.25"
    assert begins(lambda row: row.kubelet_config_map == "kubelet-config") == "1.24"
    assert begins(lambda row: row.registry.address == "registry.k8s.io") == "1.25"
    assert rules_for("1.20").kubelet_config_map == "kubelet-config-1.20"


def test_the_images_of_1_20_2_are_those_that_its_kubeadm_lists() -> None:
    """As `kubeadm config images list --kubernetes-version v1.20.2` has printed them into the bundle."""
    assert set(rules_for("1.20").images(2).values()) == {*IMAGES, DNS}


@pytest.mark.parametrize(
    ("series", "patch", "image"),
    [
        ("1.21", 14, "k8s.gcr.io/coredns/coredns:v1.8.0"),
        ("1.23", 14, "k8s.gcr.io/coredns/coredns:v1.8.6"),
        ("1.23", 15, "registry.k8s.io/coredns/coredns:v1.8.6"),
        ("1.37", 1, "registry.k8s.io/coredns/coredns:v1.14.6"),
    ],
)
def test_where_coredns_lies(series: str, patch: int, image: str) -> None:
    assert rules_for(series).images(patch)["coredns"] == image


def test_every_release_has_runtimes_and_docker_in_one_of_two_ways() -> None:
    for row in ALL:
        names = [found.name for found in runtimes.runtimes_for(row.minor)]
        docker = [name for name in names if runtimes.runtime(name).versioned == "docker"]
        assert docker == [runtimes.docker_for(row.minor)], row.series
        assert {runtimes.Name.CONTAINERD, runtimes.Name.CRI_O} < set(names)


def test_only_the_shim_s_socket_is_written_without_a_scheme() -> None:
    plain = [row.name for row in runtimes.RUNTIMES if not row.cri_socket.startswith("unix:///")]
    assert plain == [runtimes.Name.DOCKERSHIM]


def test_every_containerd_has_keys_and_none_writes_what_it_cannot_read() -> None:
    for row in containerd.LINES:
        assert row.config in row.reads
        assert containerd.keys(row.config).systemd_cgroup[-1] == "SystemdCgroup"
    for older, newer in pairwise(containerd.LINES):
        assert (number(older.series), older.config) < (number(newer.series), newer.config + 1)
    found = containerd.line("1.7.24")
    assert found is not None
    assert found.sandbox == "registry.k8s.io/pause:3.8"
    assert containerd.line("3.0.0") is None


def test_every_release_has_a_repository() -> None:
    layouts = {row.series: packages.repository_for(row.minor).layout for row in ALL}
    assert [series for series, layout in layouts.items() if layout == "legacy"] == [f"1.{n}" for n in range(19, 24)]
    assert packages.repository_for(31).url.format(series="1.31") == "https://pkgs.k8s.io/core:/stable:/v1.31/deb/"


def test_distributions_are_found_as_os_release_names_them() -> None:
    focal = packages.distribution("ubuntu", "focal")
    assert focal is not None
    assert (focal.docker_path, focal.cgroup) == ("linux/ubuntu", 1)
    assert packages.distribution("debian", "focal") is None


@pytest.mark.parametrize(("minor", "version"), [(19, "1.19.0"), (36, "1.36.0"), (37, "1.36.0")])
def test_crictl_goes_with_the_release_as_far_as_there_is_one(minor: int, version: str) -> None:
    assert binaries.crictl_version(minor) == version


@pytest.mark.parametrize(("debian", "other"), [("amd64", "amd64"), ("armhf", "arm"), ("ppc64el", "ppc64le")])
def test_architectures_have_another_name_where_programs_are(debian: str, other: str) -> None:
    assert binaries.architecture(debian) == other


def test_a_plug_in_s_manifest_is_pinned_at_an_address_that_does_not_move() -> None:
    for row in networks.RELEASES:
        assert f"/v{row.version}/" in row.url
        assert len(row.sha256) == 64
        assert all(image.rpartition(":")[2] not in ("", "latest") for image in row.images)
    hashes = [row.sha256 for row in networks.RELEASES]
    assert len(set(hashes)) == len(hashes)


def test_without_a_version_the_newest_for_that_kubernetes_is_taken() -> None:
    def taken(plug_in: str, variant: str, minor: int) -> str:
        row = networks.release_of(plug_in, None, variant, minor)
        return row.version if row else ""

    assert [taken("kube-router", "routing", minor) for minor in (20, 21, 34)] == ["1.2.0", "2.11.1", "2.11.1"]
    assert taken("flannel", "kube-flannel", 20) == "0.28.9"
    assert taken("calico", "vxlan", 20) == "3.31.7", "it is said elsewhere that it does not fit"
    assert networks.release_of("flannel", "9.9.9", "kube-flannel", 34) is None


def test_what_must_pass_between_machines_depends_on_the_way() -> None:
    assert [str(port) for port in networks.ports("flannel", "vxlan")] == ["UDP 8472"]
    assert networks.ports("flannel", "host-gw") == ()
    assert [str(port) for port in networks.ports("calico", "ipip")] == ["TCP 179", "IP protocol 4"]
