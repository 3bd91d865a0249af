"""The Vagrantfile, read by Vagrant, and by a stand-in that writes down the providers' settings. No machine runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from provisioner.core.report import ignore
from provisioner.inventory.loader import load
from provisioner.inventory.vagrant import Provider
from provisioner.labs import packages
from provisioner.labs.machines import HALT_TIMEOUT_S
from provisioner.labs.vagrant import checks
from provisioner.labs.vagrant.troubles import explained
from tests.conftest import Golden
from tests.docs.markdown import ROOT
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
PROVIDERS = get_args(Provider)
# Not to be had without an account, or for macOS alone.
WITHOUT_PLUGIN = ("vmware_desktop", "parallels")
INVENTORY = """
all:
  vars:
    vagrant: &usual {provider: PROVIDER, memory_mib: 3000}
    cluster: {kubernetes_version: "1.20.2"}
  hosts:
    w9: {node_ip: 192.168.56.29}
  children:
    control_plane:
      hosts:
        kube-control1: {node_ip: 192.168.56.11}
    workers:
      vars:
        vagrant: {<<: *usual, release: noble, cpus: 4DISKS}
      hosts:
        kube-node[1:2]:
        w9:
      children:
        storage:
          vars: {vagrant: {provider: PROVIDER, memory_mib: 5000}}
          hosts:
            kube-node1:
              node_ip: 192.168.56.21
              vagrant: {provider: PROVIDER, release: jammy, box_version: "3.1"}
            kube-node2: {node_ip: 192.168.56.22}
        a-first: {hosts: kube-node3}
        z-last: {vars: {vagrant: {provider: PROVIDER, cpus: 8}}, hosts: {kube-node3: }}
        heavy:
          vars: {ansible_group_priority: 9, vagrant: {provider: PROVIDER, box: acme/ubuntu, cpus: 16}}
          hosts: {kube-node3: {node_ip: 192.168.56.23}}
"""


@pytest.fixture(scope="module", autouse=True)
def _vagrant() -> None:
    checks.have_vagrant(ignore)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Vagrantfile", tmp_path)
    return tmp_path


def written(directory: Path, provider: str) -> Path:
    disks = "" if provider in ("docker", "parallels") else ", disks_gib: [10, 20]"
    path = directory / "inventory.yaml"
    path.write_text(INVENTORY.replace("PROVIDER", provider).replace("DISKS", disks))
    if provider == "docker":
        node = {"images": {name: f"lab:{name}" for name in ("bookworm", "jammy", "noble")}, "create_args": ["--x"]}
        (directory / ".vagrant").mkdir()
        (directory / "key").touch()
        text = json.dumps({**node, "cmd": ["-c", "run"], "user": "admin", "private_key": str(directory / "key")})
        (directory / ".vagrant" / "node.json").write_text(text)
    return path


def run(directory: Path, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program there as a user does, but for HashiCorp's servers, which are not asked anything."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VAGRANT_", "PROVISIONER_"))}
    own = {"VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_SERVER_URL": "http://127.0.0.1:9", "LC_ALL": "C.UTF-8"}
    environment = {**kept, **own, "HOME": str(directory), **variables}
    return subprocess.run(
        argv, cwd=directory, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )


def told(directory: Path, *argv: str) -> str:
    done = run(directory, "ruby", str(HERE / "vagrant_harness.rb"), str(directory / "Vagrantfile"), *argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_virtualbox(directory: Path) -> str:
    """A PATH with a VBoxManage that only has a version."""
    (directory / "bin").mkdir()
    program = directory / "bin" / "VBoxManage"
    program.write_text('#!/bin/sh\ncase "$*" in *--version*) echo 7.0.20r163906 ;; esac\n')
    program.chmod(0o755)
    return f"{directory / 'bin'}:{os.environ['PATH']}"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_each_provider_is_told(provider: str, directory: Path, golden: Golden) -> None:
    written(directory, provider)
    golden(f"vagrant/{provider}.txt", told(directory).replace(str(directory), "."))


def test_a_container_shuts_down_in_order_unless_it_is_destroyed(directory: Path) -> None:
    written(directory, "docker")
    limits_s = {
        command: {line.split(" = ")[1] for line in told(directory, command).splitlines() if ".stop_timeout" in line}
        for command in ("halt", "destroy")
    }
    assert limits_s == {"halt": {f"{HALT_TIMEOUT_S:.0f}"}, "destroy": {"0"}}


@pytest.mark.parametrize("example", [None, ROOT / "inventories" / "vagrant.yaml"], ids=["groups", "example"])
def test_the_vagrantfile_reads_what_we_read(example: Path | None, directory: Path) -> None:
    """Also the defaults, which both have."""
    path = Path(shutil.copy(example, directory / "inventory.yaml")) if example else written(directory, "virtualbox")
    cluster, lines = load(path), told(directory).splitlines()
    assert sum(".vm.hostname" in line for line in lines) == len(cluster.hosts)
    for host in cluster.hosts:
        assert host.vagrant
        for line in (
            f'{host.name}.vm.network "private_network", {{"ip":"{host.node_ip}"}}',
            f"virtualbox of {host.name}.vm.memory = {host.vagrant.memory_mib}",
            f"virtualbox of {host.name}.vm.cpus = {host.vagrant.cpus}",
        ):
            assert line in lines
        if host.vagrant.box:
            assert f'{host.name}.vm.box = "{host.vagrant.box}"' in lines
        assert (f"{host.name}.vm.disk" in "\n".join(lines)) is bool(host.vagrant.disks_gib)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_vagrant_validates_it(provider: str, directory: Path) -> None:
    """With the provider's own plug-in where it can be had; else with one that takes all of the provider's settings."""
    written(directory, provider)
    if provider == "libvirt":
        packages.install(("vagrant-libvirt",), ignore)
    if provider in WITHOUT_PLUGIN:
        text = (HERE / "vagrant_stand_in.rb").read_text() + (directory / "Vagrantfile").read_text()
        (directory / "Vagrantfile").write_text(text)
    path = with_virtualbox(directory) if provider == "virtualbox" else os.environ["PATH"]
    done = run(directory, "vagrant", "validate", PATH=path, PLUGIN=provider)
    assert (done.returncode, done.stdout[-36:]) == (0, "Vagrantfile validated successfully.\n"), done


def test_vagrant_refuses_a_setting_that_the_provider_does_not_have(directory: Path) -> None:
    path = written(directory, "virtualbox")
    path.write_text(path.read_text().replace("memory_mib: 3000", "memory_mib: 3000, settings: {no_such: 1}"))
    done = run(directory, "vagrant", "validate", PATH=with_virtualbox(directory))
    assert done.returncode
    assert "The following settings shouldn't exist: no_such" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("inventory", "message"),
    [
        (None, "There is no inventory here. Looked for: "),
        ("all: {hosts: {a: }}\n", "no machine has settings under `vagrant:`"),
        (INVENTORY.replace("PROVIDER", "docker").replace("DISKS", ""), "First: provisioner lab prepare -i "),
    ],
)
def test_the_vagrantfile_says_what_is_missing(inventory: str | None, message: str, directory: Path) -> None:
    if inventory:
        (directory / "inventory.yaml").write_text(inventory)
    done = run(directory, "vagrant", "up")
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ("virtualbox", "a box cannot be downloaded"),
        ("parallels", "Vagrant does not know the provider"),
    ],
)
def test_what_vagrant_says_is_still_understood(provider: str, message: str, directory: Path) -> None:
    written(directory, provider)
    done = run(directory, "vagrant", "up", "kube-control1", PATH=with_virtualbox(directory))
    assert message in explained("vagrant up", done.stdout + done.stderr).message
