"""Executable inventories: a typed cluster, or a sentence about what went wrong and where."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from provisioner.inventory import scripts
from provisioner.inventory.loader import check, load
from tests.patience import LONGEST_S

LISTING = {
    "control_plane": {"hosts": ["cp1"]},
    "workers": {"hosts": ["w1"], "vars": {"ansible_port": 2222}},
    "all": {"vars": {"ansible_user": "root", "cluster": {"kubernetes_version": "1.20.2"}}},
    "_meta": {"hostvars": {"w1": {"node_labels": {"disk": "ssd"}}}},
}


def program(directory: Path, script: str) -> Path:
    path = directory / "cloud"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def printing(directory: Path, listing: object) -> Path:
    return program(directory, f"cat <<'END'\n{json.dumps(listing)}\nEND")


def test_it_becomes_a_cluster(tmp_path: Path) -> None:
    cluster = load(printing(tmp_path, LISTING))
    worker = cluster.host("w1")
    assert (worker.user, worker.port, worker.node_labels) == ("root", 2222, {"disk": "ssd"})
    assert [host.name for host in cluster.control_planes] == ["cp1"]


def test_problems_name_the_program_and_what_it_printed(tmp_path: Path) -> None:
    listing = {
        **LISTING,
        "workers": {"hosts": ["w1", "W2", 3], "vrs": {}},
        "_meta": {"hostvars": {"w1": {"ansible_port": "22"}, "w9": {}, "cp1": []}},
    }
    path = printing(tmp_path, listing)
    told = [str(problem).splitlines()[0] for problem in check(path)[1]]
    assert sorted(told) == [
        f"{path}: _meta.hostvars.cp1: a host's variables are a mapping of names and values; this is a list",
        f"{path}: _meta.hostvars.w1.ansible_port: expected a whole number, found the text `22`",
        f"{path}: _meta.hostvars.w9: `w9` is in no group and is left out",
        f"{path}: workers.hosts: expected a list of names, found the number 3",
        f"{path}: workers.hosts[1]: `W2` cannot be the name of a node: only lower-case letters, digits, `-` and `.` "
        "are allowed",
        f"{path}: workers.vrs: this is not a part of a group",
    ]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo no credentials >&2; exit 3", "`cloud --list` failed with exit code 3: no credentials"),
        ("exit 1", "failed with exit code 1: it printed no reason"),
        ("echo Hello", "`cloud --list` does not print JSON"),
        ("true", "`cloud --list` does not print JSON"),
        ("printf '\\377'", "`cloud --list` does not print JSON"),
        ("echo '[]'", "`--list` has to print a mapping of groups, this is a list"),
        ('[ $1 = --list ] && echo \'{"workers": ["w1"]}\' || exit 4', "`cloud --host w1` failed with exit code 4"),
        ('echo \'{"_meta": {"hostvars": {}}, "workers": {}}\'', "a group has hosts, vars or children"),
        ("yes", "it prints more than 16 MiB"),
        ("yes >&2", "it prints more than 16 MiB"),
        ("printf '%0101d' 0 | tr 0 9", "it has a number of more than 100 digits"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "it is nested deeper than 100 levels"),
        ("echo '\"\\\\ud800\"'", "it has half a character"),
    ],
)
def test_what_can_go_wrong(script: str, says: str, tmp_path: Path) -> None:
    path = program(tmp_path, script)
    cluster, problems = check(path)
    assert cluster is None
    assert says in str(problems[0])
    assert problems[0].where == str(path)
    assert problems[0].hint


def test_a_program_without_an_interpreter(tmp_path: Path) -> None:
    path = program(tmp_path, "")
    path.write_text("#!/no/such/program\n")
    assert "cannot be run: No such file or directory" in str(check(path)[1][0])


def test_a_program_that_does_not_end_is_ended_with_all_it_began(tmp_path: Path) -> None:
    began_s = time.monotonic()
    said = scripts.read(program(tmp_path, f"sleep {2 * LONGEST_S} & wait"), timeout_s=0.1)
    assert time.monotonic() - began_s < LONGEST_S
    assert [finding.message for finding in said.findings] == ["`cloud --list` did not finish in time"]


def test_a_program_that_goes_on_printing_is_ended_too(tmp_path: Path) -> None:
    said = scripts.read(program(tmp_path, "while :; do echo '{}'; done"), timeout_s=0.1)
    assert [finding.message for finding in said.findings] == ["`cloud --list` did not finish in time"]


def test_it_is_asked_for_a_host_only_when_it_has_to_be(tmp_path: Path) -> None:
    listing = json.dumps({name: group for name, group in LISTING.items() if name != "_meta"})
    asked = tmp_path / "asked"
    script = f"echo \"$*\" >>{asked}; [ $1 = --host ] && echo '{{\"ansible_port\": 1}}' || cat <<'END'\n{listing}\nEND"
    cluster = load(program(tmp_path, script))
    assert {host.port for host in cluster.hosts} == {1}
    assert asked.read_text().split("\n") == ["--list", "--host cp1", "--host w1", ""]


def test_a_file_that_is_executable_by_accident_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text("all: {vars: {cluster: {kubernetes_version: 1.20.2}}, children: {control_plane: {hosts: cp1}}}\n")
    path.chmod(0o755)
    assert load(path).host("cp1").address == "cp1"


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"all: {vars: {cluster: {kubernetes_version: 1.20.2}}, children: {control_plane: {hosts: cp1}}}")
    os.close(writing)
    cluster, problems = check(Path(f"/dev/fd/{reading}"))
    os.close(reading)
    assert (cluster is not None, problems) == (True, ())
