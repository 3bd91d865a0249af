"""The tutorial on virtual machines, run to its end with the provider docker, and with the traps that boxes have."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest

from tests.docs.conftest import Shell
from tests.docs.markdown import ROOT, blocks
from tests.docs.test_run import follow, of

pytestmark = pytest.mark.e2e

TUTORIAL = ROOT / "docs" / "tutorial" / "vagrant.md"
MACHINES = ("kube-control1", "kube-node1", "kube-node2")
# What boxes come with: Vagrant's own line for the host's name, and VirtualBox's address that all machines share.
TRAPS = "echo 127.0.1.1 $(hostname) >>/etc/hosts; ip address add 10.0.2.15/24 dev eth0"


def in_machine(directory: Path, machine: str, script: str) -> str:
    container = (directory / ".vagrant" / "machines" / machine / "docker" / "id").read_text()
    argv = ["docker", "exec", container, "sh", "-euc", script]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@contextmanager
def laid_out(directory: Path) -> Iterator[Path]:
    """The directory that the document has its reader make, for the provider docker; its machines go with it."""
    shutil.copy(ROOT / "Vagrantfile", directory)
    shown = blocks(TUTORIAL, "yaml")[0].text
    (directory / "inventory.yaml").write_text(shown.replace("provider: virtualbox", "provider: docker"))
    try:
        yield directory
    finally:
        subprocess.run(["vagrant", "destroy", "--force"], cwd=directory, capture_output=True, check=True)


def test_tutorial(shell: Shell, tmp_path: Path) -> None:
    steps = of(TUTORIAL)
    before = [*takewhile(lambda step: step.command != "provisioner apply", steps)]
    with laid_out(tmp_path):
        follow(shell, before, tmp_path)
        for machine in MACHINES:
            in_machine(tmp_path, machine, TRAPS)
        follow(shell, steps[len(before) :], tmp_path)
    assert not list(tmp_path.glob(".vagrant/machines/*/*/id"))
    assert not (tmp_path / ".vagrant" / "id_ed25519").exists()
