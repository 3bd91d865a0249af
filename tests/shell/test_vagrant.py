"""python-vagrant for real, with programs of this test in Vagrant's place: what it keeps silent about is said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from provisioner.core.report import Event, Note, Waiting, ignore
from provisioner.errors import LabError, ProvisionerError, StepError, UnreachableError, UsageError
from provisioner.inventory.loader import load
from provisioner.inventory.model import Cluster
from provisioner.labs import engine
from provisioner.labs.vagrant import access, checks, driver, program
from provisioner.labs.vagrant.program import Environment
from tests.patience import LONGEST_S

SAID = Path(__file__).parents[1] / "cases" / "vagrant"
INVENTORY = """
all:
  vars:
    vagrant: {provider: virtualbox, memory_mib: 2000}
    cluster: {kubernetes_version: "1.20.2"}
  children:
    control_plane: {hosts: {cp1: {node_ip: 192.168.56.11}}}
    workers: {hosts: {w1: {node_ip: 192.168.56.21}}}
"""
STATUS = """
status) for name in cp1 w1; do
    state=$(cat state-$name 2>/dev/null || echo not_created)
    echo "1,$name,provider-name,virtualbox"; echo "1,$name,state,$state"
  done ;;
--version) echo "Vagrant 2.3.4" ;;
"""
CONFIG = """
ssh-config) for name in ${2:-cp1 w1}; do
    [ "$(cat state-$name)" = running ] || { echo "not yet ready for SSH" >&2; exit 1; }
    echo "Host $name"; echo "  HostName 127.0.0.1"; echo "  User vagrant"; echo "  Port $(cat port-$name)"
    echo "  IdentityFile \\"$PWD/a key\\""
  done ;;
ssh) echo "$*" >>calls; cat key-$2 ;;
"""

Fake = Callable[[str], Cluster]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A Vagrant that does what the cases of a shell's `case` say, and the inventory beside its Vagrantfile."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "Vagrantfile").touch()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    monkeypatch.delenv("VAGRANT_DEFAULT_PROVIDER", raising=False)
    monkeypatch.setattr(checks, "VIRTUALBOX_RANGES", tmp_path / "networks.conf")

    def made(cases: str) -> Cluster:
        for name, text in (("vagrant", f'case "$1" in\n{cases}\n*) exit 9 ;;\nesac\n'), ("VBoxManage", "")):
            (directory / name).write_text(f"#!/bin/sh\n{text}")
            (directory / name).chmod(0o755)
        return load(tmp_path / "inventory.yaml")

    return made


def begin(directory: Path, machine: str, *, id_: str = "one", key: str = "AAAA", port: int = 2222) -> None:
    """A machine is running."""
    made = directory / ".vagrant" / "machines" / machine / "virtualbox"
    made.mkdir(parents=True, exist_ok=True)
    (made / "id").write_text(id_)
    (directory / f"state-{machine}").write_text("running")
    (directory / f"port-{machine}").write_text(str(port))
    (directory / f"key-{machine}").write_text(f"Welcome!\r\nssh-ed25519 {key} root@{machine}\r\n")


def environment(cluster: Cluster) -> Environment:
    return program.find(cluster)


def test_machines_are_found_where_vagrant_says(fake: Fake, tmp_path: Path) -> None:
    cluster = fake(STATUS + CONFIG)
    begin(tmp_path, "cp1")
    begin(tmp_path, "w1", port=2200, key="BBBB")
    found = access.located(cluster, ignore)
    w1 = found.host("w1")
    assert (w1.address, w1.port, w1.user, w1.become) == ("127.0.0.1", 2200, "vagrant", True)
    assert w1.private_key_file == tmp_path / "a key"
    assert str(w1.node_ip) == "192.168.56.21"
    assert not found.settings.nested
    known = found.settings.ssh.known_hosts
    assert known
    assert known.read_text() == "[127.0.0.1]:2222 ssh-ed25519 AAAA\n[127.0.0.1]:2200 ssh-ed25519 BBBB\n"


def test_keys_are_learnt_once_and_again_when_a_machine_was_recreated(fake: Fake, tmp_path: Path) -> None:
    cluster, told = fake(STATUS + CONFIG), list[Event]()
    begin(tmp_path, "cp1")
    begin(tmp_path, "w1", port=2200, key="BBBB")
    access.located(cluster, told.append)
    begin(tmp_path, "w1", port=2201, key="BBBB")  # resumed, at another port
    access.located(cluster, told.append)
    assert len((tmp_path / "calls").read_text().splitlines()) == 2
    assert told == []
    begin(tmp_path, "w1", id_="two", port=2201, key="CCCC")
    known = access.located(cluster, told.append).settings.ssh.known_hosts
    assert known
    assert known.read_text().splitlines()[1] == "[127.0.0.1]:2201 ssh-ed25519 CCCC"
    assert told == [Note("w1 was recreated; its new host key is learnt from Vagrant")]


def test_a_machine_that_does_not_run_does_not_hide_the_others(fake: Fake, tmp_path: Path) -> None:
    cluster, told = fake(STATUS + CONFIG), list[Event]()
    begin(tmp_path, "cp1")
    (tmp_path / "state-w1").write_text("poweroff")
    found = access.located(cluster, told.append)
    assert (found.host("cp1").address, found.host("w1").address) == ("127.0.0.1", "192.168.56.21")
    assert [
        event for event in told if isinstance(event, Note) and "w1: Vagrant says that it does not run" in event.text
    ]


def refused(fake: Fake, cases: str) -> ProvisionerError:
    with pytest.raises(ProvisionerError) as caught:
        access.located(fake(cases), ignore)
    assert caught.value.hint or caught.value.details
    return caught.value


def test_nothing_runs(fake: Fake) -> None:
    assert "no Vagrant machine is running" in refused(fake, STATUS + CONFIG).message


def test_an_empty_answer_is_no_answer(fake: Fake) -> None:
    assert "does not report how machines are reached" in refused(fake, "ssh-config) exit 0 ;;").message
    with pytest.raises(StepError, match="reports no machine"):
        program.states(environment(fake("status) exit 0 ;;")))


def test_a_key_that_cannot_be_learnt_is_said(fake: Fake, tmp_path: Path) -> None:
    for name in ("cp1", "w1"):
        begin(tmp_path, name)
        (tmp_path / f"key-{name}").write_text("")
    assert "no output" in refused(fake, STATUS + CONFIG).message
    for name in ("cp1", "w1"):
        (tmp_path / f"key-{name}").write_text("cat: no such file\n")
    assert "its host key cannot be read" in refused(fake, STATUS + CONFIG).message


def test_what_came_up_stays_and_is_named(fake: Fake, tmp_path: Path) -> None:
    cases = f"up) echo running >state-cp1; echo '==> cp1: Booting VM...'; cat {SAID}/no-ssh.txt; exit 1 ;;\n"
    told: list[Event] = []
    with pytest.raises(UnreachableError) as caught:
        driver.up(fake(STATUS + cases), told.append)
    assert caught.value.message == "vagrant up: a machine cannot be reached over SSH (cp1 up and kept; not up: w1)"
    assert "Timed out while waiting" in caught.value.details
    assert Waiting("vagrant", "cp1: Booting VM...") in told


def test_a_second_up_only_looks(fake: Fake, tmp_path: Path) -> None:
    for name in ("cp1", "w1"):
        (tmp_path / f"state-{name}").write_text("running")
    driver.up(fake(STATUS + "up) exit 1 ;;"), ignore)


def test_a_failed_call_is_explained(fake: Fake) -> None:
    cluster = fake(f"halt) cat {SAID}/busy.txt >&2; exit 1 ;;\ndestroy) echo odd >&2; exit 1 ;;")
    with pytest.raises(ProvisionerError, match="another Vagrant process works") as caught:
        driver.halt(cluster, ignore)
    assert caught.value.exit_code == 7
    with pytest.raises(StepError, match="vagrant destroy: Vagrant failed") as other:
        driver.down(cluster, ignore)
    assert other.value.details == "odd"


def test_containers_shut_down_side_by_side(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this inventory, and before Vagrant has one wait for the other."""
    cluster = fake('halt) cat halted >"$1" ;;')
    for name in ("cp1", "w1"):
        (tmp_path / ".vagrant" / "machines" / name / "docker").mkdir(parents=True)
        (tmp_path / ".vagrant" / "machines" / name / "docker" / "id").write_text(f"id-{name}")
    both = threading.Barrier(2, timeout=LONGEST_S)

    def stop(timeout: int) -> None:
        assert timeout
        both.wait()
        (tmp_path / "halted").touch()

    containers = [Mock(id=id_, stop=stop) for id_ in ("id-cp1", "id-w1", "id-other")]
    client = Mock(**{"containers.list.return_value": containers})
    monkeypatch.setattr(engine, "reachable", lambda: client)
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "docker")
    driver.halt(cluster, ignore)
    assert (tmp_path / "halt").exists()


def test_other_machines_than_the_inventorys_are_refused(fake: Fake) -> None:
    cases = 'status) echo "1,other,state,running" ;;\n--version) echo "Vagrant 2.4.1" ;;'
    with pytest.raises(UsageError, match="do not have the same machines: cp1, other, w1"):
        driver.up(fake(cases), ignore)


@pytest.mark.parametrize(
    ("provider", "cases", "message"),
    [
        ("virtualbox", '--version) echo "Vagrant 2.2.6" ;;', "Vagrant 2.2.6 is too old"),
        ("virtualbox", "--version) echo Segmentation fault ;;", "does not report its version"),
        ("libvirt", '--version) echo "Vagrant 2.3.4" ;;\nplugin) ;;', "Vagrant lacks vagrant-libvirt"),
        ("parallels", '--version) echo "Vagrant 2.4.0" ;;\nplugin) ;;', "Vagrant lacks vagrant-parallels"),
    ],
)
def test_before_anything_is_started(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, provider: str, cases: str, message: str
) -> None:
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", provider)
    with pytest.raises(LabError) as caught:
        driver.prepare(fake(cases), ignore)
    assert message in caught.value.message
    assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)


def test_virtualbox_is_missing(fake: Fake, tmp_path: Path) -> None:
    cluster = fake(STATUS)
    (tmp_path / "bin" / "VBoxManage").unlink()
    with pytest.raises(LabError, match="VBoxManage is missing"):
        driver.prepare(cluster, ignore)


def test_vagrant_is_missing(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be installed: without apt."""
    cluster = fake(STATUS)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="Vagrant is not installed") as caught:
        driver.prepare(cluster, ignore)
    assert checks.DOWNLOAD in caught.value.hint
    with pytest.raises(LabError, match="Vagrant is not installed"):
        driver.halt(cluster, ignore)


def test_a_network_that_virtualbox_does_not_allow(fake: Fake, tmp_path: Path) -> None:
    cluster = fake(STATUS)
    (tmp_path / "networks.conf").write_text("* 10.0.0.0/8\n")
    with pytest.raises(LabError, match="VirtualBox does not allow"):
        driver.up(cluster, ignore)


def test_docker_has_no_snapshots(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake('snapshot) echo "$*" >>calls ;;')
    driver.snapshot(cluster, "fresh", ignore)
    driver.restore(cluster, "fresh", ignore)
    assert (cluster.path.parent / "calls").read_text() == "snapshot save fresh\nsnapshot restore fresh\n"
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "docker")
    with pytest.raises(LabError, match="leaves out volumes"):
        driver.snapshot(cluster, "fresh", ignore)
