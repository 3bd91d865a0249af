"""What each container runtime is given: every file, for every version of its configuration; read again as TOML."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from provisioner.bundle.common.manifest import Content, Kind
from provisioner.catalog import containerd as catalog
from provisioner.catalog.containerd import LINES, KeyPath, Line
from provisioner.plays import runtime
from provisioner.resources.daemons import DaemonSettings
from provisioner.resources.files import File
from provisioner.resources.services import Service
from provisioner.runtimes import containerd, crio
from provisioner.runtimes.docker import BRIDGE_ARGUMENTS
from provisioner.world.view import View
from tests.builders import bundle, cluster, host, ok, view
from tests.conftest import Golden

CP1 = host("cp1", "10.0.0.11")
MIRRORS = ["https://mirror.example:5000", "http://plain.example/hub"]
MORE = {"cri-dockerd": "0.3.4", "cri-o": "1.30.4", "cri-tools": "1.30.0-1.1", "skopeo": "1.9.3"}
PAUSE = "registry.k8s.io/pause:3.9"


def seen(kind: str, version: str, **settings: object) -> View:
    """A machine whose bundle has everything, for a Kubernetes of that version."""
    desired = cluster(CP1, kubernetes_version=version, images="registry", runtime={"type": kind, **settings})
    made = bundle()
    more = tuple(
        Content(path=f"apt/{name}.deb", kind=Kind.PACKAGE, name=name, version=number, size=1, sha256="a" * 64)
        for name, number in MORE.items()
    )
    manifest = made.manifest.model_copy(update={"contents": (*made.manifest.contents, *more)})
    return view(desired, bundle=replace(made, manifest=manifest))


def files(desired: View) -> Mapping[str, str]:
    found = (one for one in runtime.desired(desired, CP1) if isinstance(one, File) and "/apt/" not in one.path)
    return {one.path: str(one.content) for one in found}


def units(desired: View) -> list[str]:
    return [one.unit for one in runtime.desired(desired, CP1) if isinstance(one, Service)]


def shown(found: Mapping[str, str]) -> str:
    return "\n".join(f"##### {path}\n{text}" for path, text in sorted(found.items()))


def at(tables: object, path: KeyPath) -> object:
    for key in path:
        assert isinstance(tables, dict)
        tables = tables[key]
    return tables


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.series)
def test_containerd_of_every_line(line: Line, golden: Golden) -> None:
    """The systemd driver, the pause image and the directory of mirrors stand where this containerd looks for them."""
    text = containerd.config(line, PAUSE)
    golden(f"runtimes/containerd-{line.series}.toml", text)
    told, keys = tomllib.loads(text), catalog.keys(line.config)
    assert told["version"] == line.config in line.reads
    assert told["disabled_plugins"] == []
    assert at(told, keys.systemd_cgroup) is True
    assert at(told, keys.sandbox) == PAUSE
    assert at(told, keys.registry_directory) == containerd.REGISTRIES
    places = at(told, (*keys.cni, line.plug_ins))
    assert places == (["/opt/cni/bin"] if line.plug_ins == "bin_dirs" else "/opt/cni/bin")


@pytest.mark.parametrize(
    ("version", "series"), [("1.6.20", "1.6"), ("2.3.4", "2.3"), ("2.9.0", "2.3"), ("1.3.0", "1.4"), ("", "1.4")]
)
def test_a_containerd_outside_the_catalog_gets_what_the_nearest_one_before_it_reads(version: str, series: str) -> None:
    assert catalog.nearest(version).series == series


def test_containerd_on_a_machine(golden: Golden) -> None:
    desired = seen("containerd", "1.20.2", registry_mirrors=MIRRORS)
    found = files(desired)
    golden("runtimes/containerd.txt", shown(found))
    assert units(desired) == ["containerd.service"]
    hub = tomllib.loads(found[containerd.HUB])
    assert hub["server"] == "https://registry-1.docker.io"
    assert list(hub["host"]) == MIRRORS
    assert tomllib.loads(found[containerd.CONFIG])["version"] == 2


def test_cri_o_on_a_machine(golden: Golden) -> None:
    desired = seen("cri-o", "1.30.4", registry_mirrors=MIRRORS)
    found = files(desired)
    golden("runtimes/cri-o.txt", shown(found))
    assert units(desired) == ["crio.service"]
    told = tomllib.loads(found[crio.CONFIG])["crio"]
    assert (told["runtime"]["cgroup_manager"], told["runtime"]["conmon_cgroup"]) == ("systemd", "pod")
    assert told["image"]["pause_image"] == PAUSE
    (hub,) = tomllib.loads(found[crio.REGISTRIES])["registry"]
    assert [mirror["location"] for mirror in hub["mirror"]] == ["mirror.example:5000", "plain.example/hub"]


def test_docker_with_cri_dockerd_on_a_machine(golden: Golden) -> None:
    desired = seen("docker", "1.30.4")
    found = files(desired)
    golden("runtimes/cri-dockerd.txt", shown(found))
    assert units(desired) == ["docker.service", "cri-docker.socket", "cri-docker.service"]
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(found[BRIDGE_ARGUMENTS].partition("\n")[2])
    assert f"--pod-infra-container-image={PAUSE}" in unit["Service"]["ExecStart"]


def test_docker_with_the_kubelet_s_own_shim_needs_nothing_between() -> None:
    assert units(seen("docker", "1.23.17")) == ["docker.service"]


@pytest.mark.parametrize("kind", ["containerd", "cri-o"])
def test_the_daemon_is_asked_for_what_its_file_says(kind: str) -> None:
    """A file that is read as it was written is what the check wants to hear: both come from one place."""
    desired = seen(kind, "1.30.4")
    (check,) = (one for one in runtime.desired(desired, CP1) if isinstance(one, DaemonSettings))
    written = files(desired)[containerd.CONFIG if kind == "containerd" else crio.CONFIG]
    assert check.diff(ok(written), set()) is None
    assert check.diff(ok(written.replace("pause:3.9", "pause:3.1")), set())
