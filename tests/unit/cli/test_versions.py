"""What is known of Kubernetes' releases, and how one that is not known can be tried."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import GOOD, Call, write

UNKNOWN = GOOD.replace("1.20.2", "1.99.0")


def test_the_catalog_as_tables(call: Call) -> None:
    said = call("versions")
    assert said.code == 0
    (line,) = (line for line in said.out.splitlines() if line.startswith("1.20 "))
    assert line.split()[1:] == [
        ".15", "v1beta2", "v1alpha2", "3.4.13-0", "1.7.0", "3.2", "accepted", "legacy",
        "dockershim,", "containerd,", "cri-o",
    ]  # fmt: skip
    assert any("trixie" in line and "v2" in line for line in said.out.splitlines())


def test_the_catalog_as_json_has_sources(call: Call) -> None:
    told = json.loads(call("versions", "--json").out)
    assert [row["series"] for row in told["kubernetes"]] == [f"1.{minor}" for minor in range(19, 38)]
    assert all(row["source"].startswith("https://") for rows in told.values() for row in rows)
    assert told["kubernetes"][0]["kubeadm"]["source"].startswith("https://")


def test_a_version_that_nobody_knows_is_refused_with_the_list_and_the_way_round(call: Call) -> None:
    path = write("inventory.yaml", UNKNOWN)
    for command in (("plan", "-i", path), ("apply", "-i", path), ("inventory", "validate", "-i", path)):
        said = call(*command)
        assert said.code == 2, command
        assert "1.36, 1.37" in said.err
        assert "--allow-untested" in said.err


def test_allowed_it_is_tried_with_a_warning(call: Call) -> None:
    """As far as the bundle, which this directory is none of."""
    path = write("inventory.yaml", UNKNOWN.replace("nowhere-bundle", "."))
    for command in ("plan", "apply"):
        said = call(command, "-i", path, "--allow-untested")
        assert "with the rules of 1.37" in f"{said.out}{said.err}"
        assert said.code == 3


def test_what_is_there_may_be_looked_at_whatever_its_version(call: Call) -> None:
    said = call("inventory", "show", "-i", write("inventory.yaml", UNKNOWN.replace("path: nowhere-bundle", "path: .")))
    assert said.code == 0
    assert "kubernetes_version: 1.99.0" in said.out
