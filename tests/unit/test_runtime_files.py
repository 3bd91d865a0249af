"""Whose a container runtime's configuration is, and what of somebody else's would be lost with ours."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.catalog.containerd import LINES
from provisioner.inventory.model import Cluster
from provisioner.runtimes.containerd import config
from provisioner.runtimes.docker import daemon_json
from provisioner.runtimes.others import FILES, hidden, keeps, lost
from provisioner.world.facts import HostState
from tests.builders import cluster, host, view
from tests.hostile import HOSTILE

CP1 = host("cp1", "10.0.0.11")
DOCKER, CONTAINERD = FILES["docker"], FILES["containerd"]
# What a machine's owner has who followed Kubernetes' own pages.
OF_A_GUIDE = '{"exec-opts": ["native.cgroupdriver=systemd"], "log-driver": "json-file", "storage-driver": "overlay2"}'


def with_docker(**settings: Any) -> Cluster:
    return cluster(CP1, runtime={"type": "docker", **settings})


def is_kept(path: str, text: str, **state: Any) -> bool:
    return keeps(view(with_docker(), states={"cp1": HostState(runtime_files={path: text}, **state)}), CP1, path)


@pytest.mark.parametrize("settings", [{}, {"log_max_size": "50m"}, {"registry_mirrors": ["https://mirror.example"]}])
def test_what_an_earlier_run_wrote_for_docker_is_ours(settings: dict[str, Any]) -> None:
    assert not is_kept(DOCKER, daemon_json(view(with_docker(**settings))))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.series)
def test_what_an_earlier_run_wrote_for_containerd_is_ours(line: Any) -> None:
    text = config(line, "registry.k8s.io/pause:3.9")
    assert not is_kept(CONTAINERD, text)
    assert (hidden(CONTAINERD, text), lost(CONTAINERD, text, ())) == ((), ())


@pytest.mark.parametrize("text", [OF_A_GUIDE, "{}", "no JSON", "[1]", "[" * 60_000, *HOSTILE])
def test_everything_else_is_somebody_s(text: str) -> None:
    for path in (DOCKER, CONTAINERD):
        assert is_kept(path, text) == bool(text)
        assert (hidden(path, text), lost(path, text, ())) == ((), ())


def test_on_a_node_it_is_ours_even_when_others_changed_it() -> None:
    assert not is_kept(DOCKER, '{"dns": ["10.0.0.1"]}', has_kubelet_conf=True)
    assert is_kept(DOCKER, '{"dns": ["10.0.0.1"]}', has_kubelet_conf=True, join_begun=True)


@pytest.mark.parametrize(
    ("text", "places", "others"),
    [
        ('{"data-root": "/data/docker", "bip": "10.9.0.1/16"}', ("data-root",), ("bip",)),
        ('{"data-root": "", "storage-driver": "overlay2"}', (), ()),
        ('{"storage-driver": "btrfs", "userns-remap": "default"}', ("storage-driver", "userns-remap"), ()),
        ('{"insecure-registries": ["r:5000"], "runtimes": {}}', (), ("insecure-registries", "runtimes")),
        ('{"registry-mirrors": ["https://mirror.example/"]}', (), ()),
        ('{"registry-mirrors": ["https://other.example"]}', (), ("registry-mirrors",)),
        ('{"data-root": ["odd"], "registry-mirrors": "odd", "log-opts": 7}', ("data-root",), ()),
    ],
)
def test_what_docker_s_sets(text: str, places: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert hidden(DOCKER, text) == places
    assert lost(DOCKER, text, ("https://mirror.example",)) == others


CRI = '[plugins."io.containerd.grpc.v1.cri"'


@pytest.mark.parametrize(
    ("text", "places", "others"),
    [
        ('version = 2\nroot = "/var/lib/containerd"\nimports = []\n', (), ()),
        ('root = "/data"\nimports = ["/etc/containerd/more.toml"]\n', ("root",), ("imports",)),
        (f'{CRI}.containerd]\nsnapshotter = "zfs"\n', ("snapshotter",), ()),
        (f'{CRI}.containerd]\nsnapshotter = "overlayfs"\ndefault_runtime_name = "runc"\n', (), ()),
        (
            f"{CRI}.containerd.runtimes.nvidia]\nx = 1\n{CRI}.containerd.runtimes.runc]\nx = 1\n",
            (),
            ("runtimes.nvidia",),
        ),
        (
            f'{CRI}.registry]\nconfig_path = ""\n{CRI}.registry.configs."r".auth]\npassword = "x"\n',
            (),
            ("registry.configs",),
        ),
        ('[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/x"\n', (), ("registry.config_path",)),
        ('[proxy_plugins.stargz]\ntype = "snapshot"\n', (), ("proxy_plugins",)),
        ("registry = 7\nruntimes = []\nroot = 3\n", ("root",), ()),
    ],
)
def test_what_containerd_s_sets(text: str, places: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert (hidden(CONTAINERD, text), lost(CONTAINERD, text, ())) == (places, others)
