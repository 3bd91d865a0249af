"""What containerd is asked and how it is cleared, by the real sh; programs of this test stand in their place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Result, shell
from provisioner.resources.containerd import CLEARING, CONTAINERD_IMAGES, CONTAINERD_SETTINGS
from provisioner.resources.daemons import DaemonSettings
from provisioner.resources.images import Image
from tests.patience import LONGEST_S

# Containers are files in $STATE/containers, those that run in $STATE/tasks; `stuck` ones need their shim's end.
CTR = r"""
shift 2
echo "ctr $*" >>"$STATE/log"
case "$1 $2" in
  "tasks ls") ls "$STATE/tasks" ;;
  "containers ls") ls "$STATE/containers" ;;
  "tasks kill") case $5 in stuck*) exit 1 ;; esac; rm -f "$STATE/tasks/$5" ;;
  "tasks delete") exit 1 ;;
  "containers delete") if [ -e "$STATE/tasks/$3" ]; then exit 1; fi; rm "$STATE/containers/$3" ;;
esac
"""
PROGRAMS = {
    "ctr": CTR,
    "systemctl": 'echo "systemctl $*" >>"$STATE/log"',
    "pkill": 'echo "pkill $*" >>"$STATE/log"; rm -f "$STATE"/tasks/stuck-shim',
    "sleep": "",
    "containerd": "exit 1",
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    for name in ("containers", "tasks", "bin"):
        (tmp_path / name).mkdir()
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return tmp_path


def run(state: Path, argv: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{state}/bin:/usr/bin:/bin", "STATE": str(state)}
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LONGEST_S, env=environment)


def cleared(state: Path, *containers: str) -> subprocess.CompletedProcess[str]:
    for name in containers:
        (state / "containers" / name).touch()
        (state / "tasks" / name).touch()
    return run(state, shell(CLEARING).argv)


def log(state: Path) -> list[str]:
    return (state / "log").read_text().splitlines()


def test_all_containers_go_after_the_kubelet_and_before_containerd_forgets(state: Path) -> None:
    done = cleared(state, "one", "two")
    assert done.returncode == 0, done
    assert list((state / "containers").iterdir()) == []
    said = log(state)
    assert (said[0], said[-1]) == ("systemctl stop kubelet.service", "systemctl restart containerd.service")
    assert not any(line.startswith("pkill") for line in said), "shims that answer are left alone"


def test_a_shim_that_does_not_answer_is_ended(state: Path) -> None:
    done = cleared(state, "one", "stuck-shim")
    assert done.returncode == 0, done
    assert list((state / "containers").iterdir()) == []
    assert any(line.startswith("pkill -KILL") for line in log(state))


def test_what_cannot_be_removed_is_named_and_kubeadm_is_not_let_run_into_it(state: Path) -> None:
    done = cleared(state, "one", "stuck-for-ever")
    assert done.returncode == 1
    assert done.stderr == "containers that containerd cannot remove: stuck-for-ever\n"


def test_nothing_to_clear(state: Path) -> None:
    assert cleared(state).returncode == 0


def test_a_containerd_that_does_not_run_is_a_state(state: Path) -> None:
    said = run(state, CONTAINERD_SETTINGS.argv)
    assert (said.returncode, said.stdout) == (0, "")
    assert DaemonSettings("x", CONTAINERD_SETTINGS, ()).diff(Result(0, said.stdout), set()) is None
    (state / "bin" / "ctr").write_text("#!/bin/sh\necho 'cannot connect' >&2; exit 1\n")
    images = run(state, CONTAINERD_IMAGES.told.argv)
    assert (images.returncode, images.stdout) == (0, "")
    assert Image("k8s.gcr.io/pause:3.2", "x", "x", "x", CONTAINERD_IMAGES).diff(Result(0, images.stdout), set())
