"""Plans as files, a choice of plays, and the run lock: on a real cluster, as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.core.command import _BUSY
from provisioner.world.lock import PATH, STALE_S
from tests.e2e.world import ENVIRONMENT, PLANTED_KEY, PROGRAM, Said, World, provisioner, token_like
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

SYSCTL = "/etc/sysctl.d/99-provisioner.conf"
CREATE = f"create {SYSCTL} (0644)"
KUBELET = "/etc/default/kubelet"
HOLD = "/run/hold-by-test"


@pytest.fixture
def drifted(lab: World) -> Iterator[World]:
    """A file on w1 was removed; afterwards the cluster is as it should be."""
    lab.shell("w1", f"rm {SYSCTL}")
    yield lab
    assert lab.run("apply").code == 0
    assert lab.run("plan", "--exit-code").code == 0


def saved(lab: World, path: Path, *options: str) -> Said:
    said = lab.run("plan", "-o", str(path), *options)
    assert said.code == 0, said
    return said


def test_a_plan_is_done_as_it_was_agreed_on_or_not_at_all(drifted: World, tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    assert f"provisioner apply {path}" in saved(drifted, path).stdout
    assert path.stat().st_mode & 0o777 == 0o600

    drifted.shell("w1", f"echo '# by hand' >>{KUBELET}")
    refused = provisioner("apply", str(path))
    assert refused.code == 3, refused
    assert f"w1: change {KUBELET}: is not in the plan" in refused.stderr
    assert len(refused.stderr.splitlines()) < 12
    assert drifted.shell("w1", f"ls {SYSCTL} 2>/dev/null || :") == ""
    assert drifted.shell("cp1", f"ls {PATH} 2>/dev/null || :") == ""

    saved(drifted, path)
    planned = [(step["host"], step["summary"]) for step in json.loads(path.read_text())["steps"]]
    done = provisioner("apply", "--json", str(path))
    assert done.code == 0, done
    assert done.changed == planned
    assert {host for host, _ in planned} == {"w1"}

    again = provisioner("apply", str(path))
    assert again.code == 0, again
    assert f"{len(planned)} of the plan's {len(planned)} step(s) were done already, on w1" in again.stdout
    assert "Nothing to do" in again.stdout


def test_a_plan_of_fresh_machines_holds_no_secret(lab: World) -> None:
    """It says the most: kubeadm's configuration, into which the token will be put, and every join."""
    text = lab.notes["saved"]
    assert "kubeadm join" in text
    assert "<join token>" in text
    assert PLANTED_KEY not in text
    assert not token_like(text)
    assert "PRIVATE KEY" not in text


def test_a_play_is_done_alone_and_what_is_left_out_is_named(drifted: World) -> None:
    drifted.shell("w2", f"echo '# by hand' >>{KUBELET}")
    refused = drifted.run("apply", "--skip", "machine")
    assert refused.code == 3, refused
    assert "machine: 1 step(s) on w1 to do, and kubernetes packages needs them" in refused.stderr
    done = drifted.json("apply", "--only", "machine")
    assert done.code == 0, done
    assert done.changed == [("w1", CREATE)]
    assert done.report["left_out"] == 2
    assert any(text.startswith("kubernetes packages: 2 step(s) on w2") for text in done.report["skipped"])


@contextmanager
def planted_lock(lab: World, silent_s: int = 0) -> Iterator[None]:
    """A run lock as another user's run holds it."""
    record = f"run=0123456789abcdef\nowner=anna\nmachine=laptop\ndoing=apply\nbegan={int(time.time())}\n"
    lab.shell("cp1", f"printf '{record}' >{PATH}; touch -d '{silent_s} seconds ago' {PATH}")
    try:
        yield
    finally:
        lab.shell("cp1", f"rm -f {PATH}")


def test_a_run_at_work_is_named_wherever_it_matters(drifted: World) -> None:
    with planted_lock(drifted):
        for command in ("plan", "status"):
            said = drifted.run(command)
            assert said.code == 0, said
            assert "another run is at work on this cluster: anna on laptop (apply)" in said.stdout
        refused = drifted.run("apply")
        assert refused.code == 7, refused
        assert "anna on laptop" in refused.stderr
        assert "provisioner unlock" in refused.stderr
        kept = drifted.run("unlock")
        assert kept.code == 7, kept
        assert "anna on laptop (apply)" in kept.stdout
        assert "--yes" in kept.stderr
        removed = drifted.run("unlock", "--yes")
        assert removed.code == 0, removed
        assert "cp1: the run lock is removed" in removed.stdout
    assert "no run holds the run lock" in drifted.run("unlock").stdout


def test_a_silent_lock_is_taken_over_and_not_removed_unasked(drifted: World) -> None:
    with planted_lock(drifted, silent_s=STALE_S + 30):
        assert "another run works" not in drifted.run("plan").stdout
        asked = drifted.run("unlock")
        assert asked.code == 2, asked
        assert "there is no terminal to ask on" in asked.stderr
        assert "anna" in drifted.shell("cp1", f"cat {PATH}")
        assert drifted.run("apply").code == 0
        assert drifted.shell("cp1", f"ls {PATH} 2>/dev/null || :") == ""


@contextmanager
def held_up(lab: World, machine: str) -> Iterator[None]:
    """Something that an earlier run has left is at work there, until the block ends."""
    wait = f"while [ -e {HOLD} ]; do sleep 0.2; done"
    lab.shell(machine, f"touch {HOLD}; nohup flock {_BUSY} timeout 300 sh -c '{wait}' >/dev/null 2>&1 &")
    try:
        yield
    finally:
        lab.shell(machine, f"rm -f {HOLD}")


def test_of_two_at_once_the_second_is_refused_and_the_first_goes_on(drifted: World) -> None:
    argv = [sys.executable, "-c", PROGRAM, "apply", "-i", str(drifted.inventory), "--json"]
    with held_up(drifted, "w1"):
        first = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        wait_for_lock(drifted)
        second = drifted.run("apply")
        assert second.code == 7, second
        assert "another run is at work on this cluster" in second.stderr
        assert first.poll() is None
    out, err = first.communicate(timeout=LONGEST_S)
    done = Said(first.returncode, out, err)
    assert done.code == 0, done
    assert done.changed == [("w1", CREATE)]


def wait_for_lock(lab: World) -> None:
    deadline_s = time.monotonic() + LONGEST_S
    while not lab.shell("cp1", f"ls {PATH} 2>/dev/null || :"):
        assert time.monotonic() < deadline_s, "the first run does not come to work"
        time.sleep(0.2)
