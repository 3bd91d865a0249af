"""Which lab a `lab` command is about, and what it is not for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

SERVERS = """
all:
  vars: {cluster: {kubernetes_version: 1.20.2}}
  children:
    control_plane: {hosts: {cp1: {ansible_host: 192.0.2.1}}}
"""
VAGRANT = """
all:
  vars:
    vagrant: {provider: docker}
    cluster: {kubernetes_version: 1.20.2}
  children:
    control_plane: {hosts: {cp1: {node_ip: 192.168.56.11}}}
"""


@pytest.mark.parametrize(
    ("words", "inventory", "code", "message"),
    [
        ("up --driver vagrant", "", 2, "no inventory with settings under `vagrant:` was named, and there is none here"),
        ("prepare", SERVERS, 2, "no inventory with settings under `vagrant:` was named, and there is none here"),
        ("prepare -i inventory.yaml", SERVERS, 2, "no host has settings under `vagrant:`"),
        ("halt -i inventory.yaml", SERVERS, 2, "is not the inventory of a lab"),
        ("up --driver vagrant --workers 3", VAGRANT, 2, "--workers: the inventory describes Vagrant's machines"),
        ("up -i inventory.yaml --memory-mib 4096", VAGRANT, 2, "--memory-mib: the inventory describes"),
        ("up --driver vagrant", VAGRANT, 2, "there is no Vagrantfile beside"),
        ("down", VAGRANT, 2, "there is no Vagrantfile beside"),
        ("snapshot fresh", "all: [", 3, "containers have no snapshots"),
        ("down", "vagrant: [", 2, "inventory.yaml has 1 error"),
        ("snapshot fresh", "", 3, "containers have no snapshots"),
        ("restore fresh --name lab", VAGRANT, 3, "containers have no snapshots"),
        ("snapshot fresh -i inventory.yaml", VAGRANT, 2, "there is no Vagrantfile beside"),
        ("resume", "", 3, "there is no lab lab"),
    ],
)  # fmt: skip
def test_what_is_refused(words: str, inventory: str, code: int, message: str, call: Call) -> None:
    """`./inventory.yaml` counts where it has Vagrant's machines, and no lab is named."""
    if inventory:
        Path("inventory.yaml").write_text(inventory)
    said = call("lab", *words.split())
    assert said.code == code, said
    assert message in said.err
    assert "→" in said.err or "hint" in said.err
    assert len(said.err.splitlines()) < 10


def test_a_cluster_of_vagrants_machines_needs_the_vagrantfile(call: Call) -> None:
    Path("inventory.yaml").write_text(VAGRANT)
    said = call("plan")
    assert (said.code, "there is no Vagrantfile beside" in said.err) == (2, True)
    assert call("inventory", "validate").code == 0
