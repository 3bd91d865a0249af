"""The command line without machines: what is wrong is said on one screen, with the right exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provisioner.errors import UnreachableError
from provisioner.transports.ssh import SshTransport
from tests.unit.cli.conftest import GOOD, Call, write


def test_without_an_inventory_it_says_where_to_begin(call: Call) -> None:
    said = call("plan")
    assert said.code == 2
    assert "no inventory was named" in said.err
    assert "provisioner lab up" in said.err


def test_an_inventory_that_is_not_there(call: Call) -> None:
    said = call("plan", "-i", "none.yaml")
    assert said.code == 2
    assert "none.yaml" in said.err


def test_every_problem_of_an_inventory_at_once_with_file_and_line(call: Call) -> None:
    text = GOOD.replace("kubernetes_version: 1.20.2", "kubernets_version: 1.20.2, pod_cidr: 10.96.0.0/16, name: 3")
    said = call("apply", "-i", write("bad.yaml", text))
    assert said.code == 2
    assert "did you mean" in said.err
    assert re.search(r"bad\.yaml:4", said.err)
    assert said.err.count("•") >= 2
    assert "Traceback" not in said.err


def test_a_missing_bundle_is_said_before_any_machine_is_spoken_to(call: Call) -> None:
    said = call("apply", "-i", write("good.yaml", GOOD))
    assert said.code in (2, 3)
    assert "bundle" in said.err


@pytest.mark.parametrize("words", [["status"], ["facts"], ["token"], ["kubeconfig"], ["network", "show"]])
def test_who_only_looks_needs_no_bundle(call: Call, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    def silent(self: SshTransport, *arguments: object, **more: object) -> None:
        raise UnreachableError("the machine does not answer")

    for name in ("open", "run"):
        monkeypatch.setattr(SshTransport, name, silent)
    said = call(*words, "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    assert said.code == 4
    assert "does not answer" in said.err
    assert "bundle" not in said.out + said.err


def test_auto_bundle_that_was_never_built(call: Call) -> None:
    said = call("apply", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    assert said.code == 3
    assert "provisioner bundle build" in said.err


def test_errors_for_machines_are_json_and_the_last_line_says_failed(call: Call) -> None:
    said = call("apply", "--json", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    last = json.loads(said.out.splitlines()[-1])
    assert last["result"] == "failed"
    assert last["changed"] == 0
    assert last["exit_code"] == said.code == 3


def test_a_limit_that_names_nobody(call: Call) -> None:
    said = call("run", "--limit", "w7", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")), "--", "true")
    assert said.code == 2
    assert "w7" in said.err
    assert "cp1, w1" in said.err


def test_an_unknown_command(call: Call) -> None:
    said = call("aply")
    assert said.code == 2
    assert "aply" in said.err


def test_validate_says_what_it_found(call: Call) -> None:
    said = call("inventory", "validate", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    assert said.code == 0
    assert "valid; 1 control plane(s), 1 worker(s)" in said.out


def test_show_prints_the_merged_inventory(call: Call) -> None:
    said = call("inventory", "show", "--json", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    assert json.loads(said.out)["all"]["vars"]["cluster"]["pod_cidr"] == "10.244.0.0/16"


def test_the_schema_is_json(call: Call) -> None:
    assert "$schema" in json.loads(call("inventory", "schema").out)


def test_a_lifetime_that_is_none(call: Call) -> None:
    said = call("token", "--ttl", "soon", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    assert said.code == 2
    assert "30m, 2h or 24h" in said.err


def test_every_command_has_help_with_an_example(call: Call) -> None:
    groups = ["plan", "apply", "verify", "status", "unlock", "token", "kubeconfig", "ssh", "run", "facts", "trust"]
    nested = ["lab up", "lab down", "lab status", "lab ssh", "lab inventory", "bundle build", "bundle show"]
    for command in [*groups, *nested, "bundle verify", "inventory validate", "inventory show", "inventory schema"]:
        said = call(*command.split(), "--help")
        assert said.code == 0
        assert "Example: " in said.out, command


def test_a_defect_is_called_one(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr("provisioner.cli.inventory.json_schema", broken)
    said = call("inventory", "schema")
    assert said.code == 1
    assert "defect of provisioner" in said.err


def test_a_failure_names_its_log(call: Call, tmp_path: Path) -> None:
    said = call("plan", "-i", write("good.yaml", GOOD.replace("nowhere-bundle", "auto")))
    (log,) = (tmp_path / "state" / "logs").iterdir()
    assert log.name in said.err.replace("\n", "")
    assert "there is no bundle" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
