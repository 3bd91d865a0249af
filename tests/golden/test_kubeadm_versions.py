"""kubeadm's configuration for every minor release with every runtime it can use: read again, and held against the
fields that its version of the API has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.catalog.kubernetes import Release, releases, rules_for
from provisioner.catalog.runtimes import Runtime, runtimes_for
from provisioner.inventory.values import Taint
from provisioner.plays import api_server, kubeadm_configuration
from provisioner.plays.kubeadm_configuration import AsControlPlane
from provisioner.world.view import View
from tests.builders import TOKEN, cluster, host, running
from tests.conftest import Golden
from tests.golden.kubeadm_api import wrong

# The same YAML, read ten times as fast where libyaml is there: these are many documents.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
POLICY = Path("/policy.yaml")
PATCHES = Path("/patches")
EVERY = [(row, runtime) for row in releases() for runtime in runtimes_for(row.minor)]
NAMES = [f"{row.series}-{runtime.name}" for row, runtime in EVERY]
PLANE = AsControlPlane("10.0.0.12", "f" * 64)

Documents = dict[str, Mapping[str, Any]]


def seen(version: str) -> View:
    """A cluster with everything that a configuration can say."""
    desired = cluster(
        host("cp1", "10.0.0.11", node_taints=()),
        host("w1", "10.0.0.21", node_taints=(Taint("dedicated", "db", "NoSchedule"),)),
        kubernetes_version=version,
        extra_sans=["api", "*.example.org"],
        api_server_extra_args={"v": "4", "audit-log-maxage": "7", "event-ttl": "2h"},
        controller_manager_extra_args={"node-monitor-period": '"2s"'},
        scheduler_extra_args={"profiling": "false"},
        audit_policy=POLICY,
        encryption="secretbox",
        patches=PATCHES,
    )
    patched = {
        PATCHES / f"{target}.yaml": "{}"
        for target in rules_for(desired.settings.kubernetes_version.series).kubeadm.patch_targets
    }
    return running(desired, files={POLICY: "rules: []\n", **patched})


def texts(release: Release, runtime: Runtime) -> tuple[str, str, str]:
    """For init, for a worker's join, for a control plane's."""
    view, socket = seen(f"{release.series}.{release.last_patch}"), runtime.cri_socket
    first, worker = view.cluster.hosts
    return (
        kubeadm_configuration.initial(view, first, TOKEN, socket),
        kubeadm_configuration.joining(view, worker, TOKEN, socket),
        kubeadm_configuration.joining(view, first, TOKEN, socket, PLANE),
    )


def documents(text: str) -> Documents:
    return {document["kind"]: document for document in yaml.load_all(text, LOADER)}


@pytest.mark.parametrize(("release", "runtime"), EVERY, ids=NAMES)
def test_every_release_with_every_runtime(release: Release, runtime: Runtime, golden: Golden) -> None:
    init, worker, plane = texts(release, runtime)
    golden(f"kubeadm/{release.series}-{runtime.name}.yaml", f"{init}---\n{worker}---\n{plane}")
    for text in (init, worker, plane):
        told = documents(text)
        assert {kind: wrong(document) for kind, document in told.items()} == {kind: [] for kind in told}
        first = next(iter(told.values()))
        assert first["apiVersion"] == f"kubeadm.k8s.io/{release.kubeadm.api}"
        assert first["nodeRegistration"]["criSocket"] == runtime.cri_socket
    assert documents(init)["KubeletConfiguration"]["cgroupDriver"] == "systemd"
    assert "controlPlane" not in documents(worker)["JoinConfiguration"]
    assert documents(plane)["JoinConfiguration"]["controlPlane"]["certificateKey"] == PLANE.certificate_key


def test_patches_are_told_in_the_configuration_or_by_a_flag() -> None:
    """A worker has nothing to patch but its kubelet, since 1.25."""
    said = {}
    for release in (rules_for(series) for series in ("1.21", "1.22", "1.25", "1.31")):
        view = seen(f"{release.series}.0")
        init, worker, plane = (
            next(iter(documents(text).values())) for text in texts(release, runtimes_for(release.minor)[0])
        )
        flags = kubeadm_configuration.patch_flags(view, view.leader)
        said[release.series] = [bool(flags), *("patches" in told for told in (init, worker, plane))]
    assert said == {
        "1.21": [True, False, False, False],
        "1.22": [False, True, False, True],
        "1.25": [False, True, True, True],
        "1.31": [False, True, True, True],
    }


@pytest.mark.parametrize("series", ["1.20", "1.24", "1.36"])
def test_arguments_come_back_as_they_were_desired(series: str) -> None:
    release = rules_for(series)
    settings = documents(texts(release, runtimes_for(release.minor)[0])[0])["ClusterConfiguration"]
    desired = seen(f"{series}.0").cluster.settings
    for component, arguments in (
        ("apiServer", api_server.arguments(desired)),
        ("controllerManager", desired.controller_manager_extra_args),
        ("scheduler", desired.scheduler_extra_args),
    ):
        told = settings[component]["extraArgs"]
        pairs = told if isinstance(told, dict) else {entry["name"]: entry["value"] for entry in told}
        assert pairs == arguments, component
        assert isinstance(told, dict) == (release.kubeadm.api != "v1beta4")


def test_the_inventory_s_arguments_win_over_those_of_the_audit_policy() -> None:
    assert api_server.arguments(seen("1.20.2").cluster.settings)["audit-log-maxage"] == "7"


def test_what_the_api_server_reads_and_writes_is_mounted() -> None:
    """Every file that an argument of ours names lies in a directory that its pod sees; it writes only its log."""
    settings = seen("1.20.2").cluster.settings
    mounts = {str(volume["mountPath"]): volume["readOnly"] for volume in api_server.volumes(settings)}
    files = [value for value in api_server.arguments(settings).values() if value.startswith("/")]
    assert len(files) == 3
    assert {file.rpartition("/")[0] for file in files} == set(mounts)
    assert [path for path, read_only in mounts.items() if not read_only] == ["/var/log/kubernetes/audit"]


def test_without_the_settings_nothing_of_it_is_there() -> None:
    view = running(cluster())
    text = kubeadm_configuration.initial(view, view.leader, TOKEN, "/run/x.sock")
    assert "audit" not in text
    assert "encryption" not in text
    assert "extraVolumes" not in text
    assert "patches" not in text
    assert "imageRepository" not in text


@pytest.mark.parametrize("series", ["1.20", "1.24", "1.36"])
def test_a_repository_of_images_of_ones_own(series: str) -> None:
    desired = cluster(kubernetes_version=f"{series}.0", images="registry", image_repository="mirror.example:5000/k8s")
    text = kubeadm_configuration.initial(running(desired), desired.hosts[0], TOKEN, "/run/x.sock")
    settings = documents(text)["ClusterConfiguration"]
    assert settings["imageRepository"] == "mirror.example:5000/k8s"
    assert wrong(settings) == []


def test_the_check_of_fields_finds_what_a_version_does_not_know() -> None:
    old = {"apiVersion": "kubeadm.k8s.io/v1beta2", "kind": "InitConfiguration", "skipPhases": ["x"]}
    assert wrong(old) == [".skipPhases: no such field"]
    listed = {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration", "scheduler": {"extraArgs": {}}}
    assert wrong(listed) == [".scheduler.extraArgs: {} is not a list"]
    mapped = {
        "apiVersion": "kubeadm.k8s.io/v1beta3",
        "kind": "ClusterConfiguration",
        "scheduler": {"extraArgs": {"v": 2}},
    }
    assert wrong(mapped) == [".scheduler.extraArgs.v: 2 is not text"]
    assert wrong({"apiVersion": "kubeadm.k8s.io/v1beta1", "kind": "InitConfiguration"}) == [
        "no such kind: InitConfiguration"
    ]
