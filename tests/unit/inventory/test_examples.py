"""The inventories that are shipped: each loads without a warning, fits the schema, and means what it says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from provisioner.inventory.loader import check
from provisioner.inventory.model import Cluster
from provisioner.inventory.schema import json_schema
from provisioner.inventory.values import Taint
from tests.unit.inventory.conftest import Write

EXAMPLES = sorted((Path(__file__).parents[3] / "inventories").glob("*.yaml"))
INI = Path(__file__).parents[3] / "inventories" / "ini"
BAD = Path(__file__).parents[2] / "cases" / "inventories" / "bad"


# Where Kubernetes comes from in those that are about that.
SOURCES = {"docker-ce": "legacy", "binaries": "binaries"}


def example(name: str, write: Write) -> Cluster:
    source = next(path for path in EXAMPLES if path.stem == name)
    path = write(source.read_text())
    shutil.copy(path.parent / "keys" / "id_ed25519", path.parent / "keys" / "known_hosts")
    shutil.copytree(source.parent / "files", path.parent / "files", dirs_exist_ok=True)
    cluster, problems = check(path)
    assert [str(problem) for problem in problems] == []
    assert cluster
    return cluster


def complaints(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    return [error.json_path for error in validator.iter_errors(yaml.safe_load(text))]


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_load_and_fit_the_schema(path: Path, write: Write) -> None:
    cluster = example(path.stem, write)
    assert str(cluster.settings.kubernetes_version) == "1.20.2"
    assert cluster.settings.package_source.type == SOURCES.get(path.stem, "bundle")
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_explain_themselves(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert sum("#" in line for line in lines) > 5


def test_the_example_in_ini(write: Write) -> None:
    """The same machines as in YAML, and two more."""
    yaml_hosts = example("existing-servers", write).hosts
    path = write("").parent / "ini"
    shutil.copytree(INI, path)
    for inventory in (path, path / "hosts.ini"):
        cluster, problems = check(inventory)
        assert [str(problem) for problem in problems] == []
        assert cluster
        assert [host.name for host in cluster.hosts] == [*(host.name for host in yaml_hosts), "spare1", "spare2"]
        assert [host.address for host in cluster.hosts[:3]] == [host.address for host in yaml_hosts]
        assert cluster.host("worker2").port == 2222
        assert cluster.host("spare2").node_labels == {"disk": "ssd"}
        assert {(host.user, host.become) for host in cluster.hosts} == {("admin", True)}


@pytest.mark.parametrize("path", sorted(path for path in INI.rglob("*") if path.is_file()), ids=lambda path: path.name)
def test_the_example_in_ini_explains_itself(path: Path) -> None:
    assert path.read_text().startswith("# ")


def shape(cluster: Cluster) -> tuple[int, int]:
    return len(cluster.control_planes), len(cluster.workers)


@pytest.mark.parametrize(
    ("name", "machines"),
    [
        ("existing-servers", (1, 2)),
        ("jump-host", (1, 5)),
        ("two-interfaces", (1, 1)),
        ("kubespray-names", (1, 2)),
        ("labels-and-taints", (1, 5)),
        ("single-node", (1, 0)),
        ("three-control-planes", (3, 10)),
    ],
)
def test_how_many_machines(name: str, machines: tuple[int, int], write: Write) -> None:
    assert shape(example(name, write)) == machines


def test_labels_and_taints(write: Write) -> None:
    cluster = example("labels-and-taints", write)
    assert cluster.host("worker1").node_labels == {"disk": "ssd", "rack": "a"}
    assert cluster.host("worker3").node_labels == {"disk": "hdd"}
    assert cluster.host("db2").node_taints == (Taint("dedicated", "database", "NoSchedule"),)
    assert cluster.host("db2").kubelet_extra_args == {"max-pods": "60"}
    assert cluster.host("cp1").kubelet_extra_args == {}


def test_a_single_node_takes_pods(write: Write) -> None:
    assert example("single-node", write).host("node1").node_taints == ()


@pytest.mark.parametrize(
    "name",
    [
        "unknown-setting", "unknown-nested-setting", "version-as-number", "version-not-full", "wrong-types",
        "no-version", "no-cluster", "cluster-empty", "cluster-in-a-group", "cluster-at-a-host",
        "setting-outside-cluster", "group-section-misspelt", "hosts-as-list", "host-variables",
        "host-variables-as-text", "other-connections", "not-a-mapping",
    ],
)  # fmt: skip
def test_editors_see_what_the_loader_sees(name: str) -> None:
    assert complaints((BAD / f"{name}.yaml").read_text())


@pytest.mark.parametrize(
    ("variables", "fits"),
    [
        ({"ansible_password": "x"}, False),
        ({"ansible_connection": "local"}, False),
        ({"ansible_ssh_port": 22, "ansible_private_key_file": "id"}, True),
        ({"my_own": {"anything": [1, 2]}}, True),
        ({"node_labels": {"a b": "c"}}, False),
        ({"node_taints": ["a:NoSchedule"]}, True),
        ({"node_taints": ["a"]}, False),
        (None, True),
    ],
)
def test_variables_of_a_host(variables: dict[str, Any] | None, fits: bool) -> None:
    cluster = {"vars": {"cluster": {"kubernetes_version": "1.20.2"}}}
    inventory = {"all": {**cluster, "children": {"workers": {"hosts": {"w[1:2]": variables}}}}}
    assert (complaints(yaml.safe_dump(inventory)) == []) is fits
