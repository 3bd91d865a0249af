"""What is done before and with kubeadm, by the real sh; a program of this test stands in kubeadm's place.

It resets as the real one does: etcd's manifest first, and etcd's data only where that manifest is.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.inventory.values import Secret
from provisioner.resources.kubeadm import INIT_MARKER, JOIN_MARKER, PROXY_ENVIRONMENT, Init, Join
from tests.builders import ok
from tests.patience import LONGEST_S

CONFIGURATION = Secret("token: abcdef.0123456789abcdef\n", "kubeadm configuration")
KUBEADM = """#!/bin/sh
echo "kubeadm $*" >>ROOT/log
if [ "$1" = reset ]; then
  if [ -e ROOT/kubernetes/manifests/etcd.yaml ]; then
    rm ROOT/kubernetes/manifests/etcd.yaml
    if [ -e ROOT/cut ]; then rm ROOT/cut; exit 1; fi
    rm -rf ROOT/etcd/member
  fi
  exit 0
fi
echo "proxy ${https_proxy:-none}" >>ROOT/log
cat >ROOT/read
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name in ("bin", "kubernetes/manifests", "kubernetes/provisioner", "etcd/member", "default"):
        (tmp_path / name).mkdir(parents=True)
    program = tmp_path / "bin" / "kubeadm"
    program.write_text(KUBEADM.replace("ROOT", str(tmp_path)))
    program.chmod(0o755)
    return tmp_path


def here(machine: Path, word: str) -> str:
    """With this test's places instead of the machine's."""
    places = {"/etc/kubernetes": "kubernetes", "/var/lib/etcd": "etcd", "/etc/default": "default"}
    for place, name in places.items():
        word = word.replace(place, f"{machine}/{name}")
    return word


def run(machine: Path, command: Command) -> subprocess.CompletedProcess[str]:
    text = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
    argv = [here(machine, word) for word in command.argv]
    environment = {"PATH": f"{machine}/bin:/usr/bin:/bin"}
    return subprocess.run(
        argv, input=text, capture_output=True, text=True, check=False, timeout=LONGEST_S, env=environment
    )


def commands(want: Init | Join, seen: str = "") -> tuple[Command, ...]:
    change = want.diff(ok(seen), set())
    assert change
    return change.commands


def begin(machine: Path) -> int:
    return run(machine, commands(Init("cp1", CONFIGURATION, "the.sock"))[0]).returncode


def log(machine: Path) -> list[str]:
    path = machine / "log"
    return path.read_text().splitlines() if path.exists() else []


def marker(machine: Path, path: str = INIT_MARKER) -> Path:
    return Path(here(machine, path))


def test_on_a_fresh_machine_nothing_is_reset(machine: Path) -> None:
    """Whatever lies there is not ours."""
    (machine / "kubernetes/manifests/etcd.yaml").touch()
    assert begin(machine) == 0
    assert log(machine) == []
    assert marker(machine).read_text() == ""
    assert (machine / "etcd/member").exists()


def test_what_was_begun_is_reset_with_its_data(machine: Path) -> None:
    marker(machine).touch()
    (machine / "kubernetes/manifests/etcd.yaml").touch()
    assert begin(machine) == 0
    assert log(machine) == ["kubeadm reset --force --cri-socket the.sock"]
    assert list((machine / "etcd").iterdir()) == []
    assert marker(machine).read_text() == ""


def test_a_reset_that_was_cut_off_is_remembered_for_its_data(machine: Path) -> None:
    """kubeadm has removed etcd's manifest, and does not know of the data any more."""
    marker(machine).touch()
    (machine / "kubernetes/manifests/etcd.yaml").touch()
    (machine / "cut").touch()
    assert begin(machine) != 0
    assert (machine / "etcd/member").exists()
    assert marker(machine).read_text() == "etcd\n"
    assert begin(machine) == 0
    assert list((machine / "etcd").iterdir()) == []


def test_data_of_an_etcd_that_we_did_not_begin_stay(machine: Path) -> None:
    marker(machine).touch()
    assert begin(machine) == 0
    assert (machine / "etcd/member").exists()


def test_the_configuration_is_read_from_standard_input_and_no_file_has_it(machine: Path) -> None:
    want = Init("cp1", CONFIGURATION, "the.sock", skip_phases=("addon/coredns", "preflight"), flags=("--v=1",))
    done = run(machine, commands(want)[1])
    assert done.returncode == 0, done
    assert log(machine) == [
        "kubeadm init --config /dev/stdin --skip-token-print --v=1 --skip-phases addon/coredns,preflight",
        "proxy none",
    ]
    assert (machine / "read").read_text() == CONFIGURATION.reveal()
    (machine / "read").unlink()
    assert [path for path in machine.rglob("*") if path.is_file() and "0123456789abcdef" in path.read_text()] == []


def test_a_proxy_is_handed_on(machine: Path) -> None:
    Path(here(machine, PROXY_ENVIRONMENT)).write_text("https_proxy=http://proxy.example:3128\n")
    done = run(machine, commands(Join("w1", CONFIGURATION, "the.sock", present=False))[1])
    assert done.returncode == 0, done
    assert log(machine) == ["kubeadm join --config /dev/stdin", "proxy http://proxy.example:3128"]


def test_a_node_that_has_lost_its_object_is_reset(machine: Path) -> None:
    """Marked first: a run that is killed right after that is known for what it is."""
    mark, reset, *_ = commands(Join("w1", CONFIGURATION, "the.sock", present=False), "done\n")
    assert run(machine, mark).returncode == 0
    assert marker(machine, JOIN_MARKER).exists()
    assert run(machine, reset).returncode == 0
    assert log(machine) == ["kubeadm reset --force --cri-socket the.sock"]


@pytest.mark.parametrize(
    ("begun", "conf", "answer"),
    [(False, False, ""), (True, False, "begun\n"), (True, True, "begun\n"), (False, True, "done\n")],
)
def test_how_far_it_is(machine: Path, begun: bool, conf: bool, answer: str) -> None:
    for want, path, file in (
        (Init("x", CONFIGURATION, "x"), INIT_MARKER, "admin.conf"),
        (Join("x", CONFIGURATION, "x", present=True), JOIN_MARKER, "kubelet.conf"),
    ):
        if begun:
            marker(machine, path).touch()
        if conf:
            (machine / "kubernetes" / file).touch()
        assert run(machine, want.probe()).stdout == answer
