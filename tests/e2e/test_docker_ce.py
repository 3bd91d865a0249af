"""The whole procedure of inventories/docker-ce.yaml, its addresses pointed at servers of the tests: from Docker's
repository and a Kubernetes repository in the old layout two machines become a verified cluster, whose docker-ce,
containerd.io, kubelet, kubeadm and kubectl are pinned and held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Tally
from tests.e2e.ground import Ground, Settings, ground
from tests.e2e.world import Said, provisioner
from tests.repositories.site import Site

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "inventories" / "docker-ce.yaml"
CASES = "package source cases tried"
HELD = {
    "containerd.io": "1.6.20-1",
    "cri-tools": "1.13.0-01",
    "docker-ce": "5:20.10.24~3-0~debian-bookworm",
    "docker-ce-cli": "5:20.10.24~3-0~debian-bookworm",
    "kubeadm": "1.20.2-00",
    "kubectl": "1.20.2-00",
    "kubelet": "1.20.2-00",
    "kubernetes-cni": "0.8.7-00",
}


Cluster = tuple[Ground, Path, Said]


def settings(here: Ground, **other: Any) -> Settings:
    """Those of the example, with nothing changed but addresses, keys, and that no registry can be reached."""
    example = yaml.safe_load(EXAMPLE.read_text())["all"]["vars"]["cluster"]
    example["package_source"] |= here.legacy()
    assert example["runtime"]["source"] == {"type": "docker-ce"}
    example["runtime"] |= {"source": here.docker()["source"], **other}
    return {**example, "images": "bundle"}


@pytest.fixture(scope="module")
def cluster(site: Site) -> Iterator[Cluster]:
    """The machines, the inventory, and what the first run said."""
    with ground("e2e-docker-ce", site, workers=1) as here:
        path = here.inventory(**settings(here))
        yield here, path, provisioner("apply", "-i", str(path), "--json")


def test_the_procedure_ends_in_a_cluster_that_is_verified(cluster: Cluster, tally: Tally) -> None:
    tally(CASES, 1)
    _, path, done = cluster
    assert done.code == 0, done
    verified = provisioner("verify", "-i", str(path), "--json")
    assert verified.code == 0, verified


def test_packages_have_upstreams_names_and_versions_and_are_held(cluster: Cluster, tally: Tally) -> None:
    tally(CASES, 1)
    here, _, _ = cluster
    for machine in here.world.machines:
        assert here.held(machine) == HELD
        assert "docker.io" not in here.world.shell(machine, "dpkg-query -W")


def test_nodes_run_that_docker(cluster: Cluster) -> None:
    here, _, _ = cluster
    nodes = json.loads(here.world.kubectl("get", "nodes", "-o", "json"))["items"]
    found = {node["metadata"]["name"]: node["status"]["nodeInfo"]["containerRuntimeVersion"] for node in nodes}
    assert set(found) == {"cp1", "w1"}
    assert {version.partition("+")[0] for version in found.values()} == {"docker://20.10.24"}
    assert here.world.shell("w1", "docker info --format '{{.CgroupDriver}}'").strip() == "systemd"


def test_a_second_run_changes_nothing_and_asks_no_repository(cluster: Cluster, tally: Tally) -> None:
    tally(CASES, 1)
    here, path, _ = cluster
    here.server.asked.clear()
    again = provisioner("apply", "-i", str(path), "--json")
    assert (again.code, again.report["changed"]) == (0, 0), again
    assert here.server.asked == []


def test_docker_changes_its_version_under_running_pods(cluster: Cluster, tally: Tally) -> None:
    tally(CASES, 1)
    here, _, _ = cluster
    started = "docker ps --filter name=k8s_kube-proxy --format '{{.ID}}'"
    before = here.world.shell("w1", started)
    assert before
    other = here.inventory("other.yaml", **settings(here, version="20.10.23"))
    done = provisioner("apply", "-i", str(other), "--json")
    assert done.code == 0, done
    assert here.held("w1")["docker-ce"] == "5:20.10.23~3-0~debian-bookworm"
    assert here.world.shell("w1", started) == before
