"""The verification on a real cluster: it passes what is well, names what is not, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.core.report import Event, Outcome, StepBegan, StepEnded, Waiting
from provisioner.inventory.loader import load
from provisioner.verification.probe_objects import LABEL
from provisioner.verification.run import Scope, VerificationResult, verify
from tests.e2e.world import World
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e


def run(lab: World, *names: str, junit: Path | None = None) -> tuple[VerificationResult, list[Event]]:
    heard: list[Event] = []
    return verify(load(lab.inventory), heard.append, Scope(limit=frozenset(names) or None, junit=junit)), heard


def named(result: VerificationResult) -> set[tuple[str, str]]:
    return {(problem.where, problem.rule) for problem in result.failed}


def namespaces(lab: World) -> str:
    return lab.kubectl("get", "namespaces", "--selector", LABEL, "--output", "name").strip()


@contextmanager
def damaged(lab: World, machine: str, damage: str, repair: str) -> Iterator[None]:
    lab.shell(machine, damage)
    try:
        yield
    finally:
        lab.shell(machine, repair)


def test_a_good_cluster_passes_and_every_check_is_told(lab: World, tmp_path: Path) -> None:
    result, heard = run(lab, junit=tmp_path / "report.xml")
    assert result.ok, result
    assert result.not_checked == 0
    began = Counter((event.host, event.title) for event in heard if isinstance(event, StepBegan))
    ended = Counter((event.host, event.title) for event in heard if isinstance(event, StepEnded))
    assert began == ended
    skipped = [event for event in heard if isinstance(event, StepEnded) and event.outcome is Outcome.SKIPPED]
    assert len(ended) == result.passed + len(skipped)
    # What is skipped on several machines for the same reason is reported once.
    assert {event.title for event in skipped} == {text.partition(" (")[0] for text in result.skipped}
    for machine in lab.machines:
        assert (machine, "The kubelet is running and enabled") in ended
    cases = list(ET.parse(tmp_path / "report.xml").getroot().iter("testcase"))  # noqa: S314 - our own file
    assert len(cases) == len(ended)
    assert namespaces(lab) == ""


def test_single_damages_are_named_with_their_machine(lab: World) -> None:
    """Each is of another kind; all at once, because each verification takes its time."""
    damages = [
        (
            "w1",
            "chmod 644 /etc/kubernetes/kubelet.conf",
            "chmod 600 /etc/kubernetes/kubelet.conf",
            "secrets_are_closed",
        ),
        ("w1", "systemctl disable -q docker", "systemctl enable -q docker", "container_engine_runs"),
        (
            "w1",
            "sysctl -qw net.bridge.bridge-nf-call-iptables=0",
            "sysctl -qw net.bridge.bridge-nf-call-iptables=1",
            "settings",
        ),
        (
            "w2",
            "echo net.ipv4.ip_forward=0 >/etc/sysctl.d/99-zz.conf",
            "rm /etc/sysctl.d/99-zz.conf",
            "settings_at_boot",
        ),
        ("w2", "echo '{}' >/etc/cni/net.d/99-other.conf", "rm /etc/cni/net.d/99-other.conf", "plug_in_configuration"),
        (
            "w1",
            'sed -i \'s/"mtu": 1500/"mtu": 9000/\' /var/lib/provisioner/network.json',
            'sed -i \'s/"mtu": 9000/"mtu": 1500/\' /var/lib/provisioner/network.json',
            "network_as_decided",
        ),
        ("w2", "apt-mark unhold containerd", "apt-mark hold containerd", "holds"),
        (
            "w2",
            "systemctl disable -q provisioner-pod-network",
            "systemctl enable -q provisioner-pod-network",
            "routes_last",
        ),
        (
            "cp1",
            "chmod 777 /etc/kubernetes/manifests",
            "chmod 755 /etc/kubernetes/manifests",
            "nobody_else_may_write",
        ),
    ]
    for machine, damage, _, _ in damages:
        lab.shell(machine, damage)
    try:
        result, _ = run(lab)
    finally:
        for machine, _, repair, _ in damages:
            lab.shell(machine, repair)
    assert named(result) == {(machine, rule) for machine, _, _, rule in damages}, result


def test_what_cannot_be_reached_is_named(lab: World) -> None:
    own_pods = "$(ip -4 -o addr show cni0 | awk '{ print $4 }')"
    rule = f"FORWARD -s 10.244.0.0/16 -d {own_pods} -i eth0 -p tcp --dport 8080 -j DROP"
    with damaged(lab, "w2", f"iptables -w -I {rule}", f"iptables -w -D {rule}"):
        result, _ = run(lab)
    assert {("cp1", "pod_reaches_pods"), ("w1", "pod_reaches_pods")} <= named(result)
    assert ("w2", "pod_reaches_pods") not in named(result)
    messages = {problem.where: problem.message for problem in result.failed if problem.rule == "pod_reaches_pods"}
    assert messages["cp1"] == "the pod on cp1 cannot reach the pod on w2: nc: timed out"


def test_a_machine_that_does_not_answer_is_one_finding(lab: World) -> None:
    with damaged(lab, "w2", "systemctl stop ssh", "systemctl start ssh"):
        result, _ = run(lab)
    assert named(result) == {("w2", "answers")}, result
    assert result.not_checked > 15
    assert f"so {result.not_checked} more checks could not be made" in result.failed[0].message
    assert "refused" in result.failed[0].message


def test_a_dead_kubelet_is_named_and_not_waited_for(lab: World) -> None:
    with damaged(lab, "w1", "systemctl stop kubelet", "systemctl start kubelet"):
        result, heard = run(lab)
    assert {("w1", "kubelet_runs"), ("w1", "kubelet_healthy"), ("w1", "kubelet_listens")} <= named(result)
    assert {where for where, _ in named(result)} <= {"w1", "cluster"}
    assert not [event.what for event in heard if isinstance(event, Waiting) and "w1" in event.what]


def test_only_the_hosts_asked_for_are_checked_and_leftovers_are_removed(
    lab: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's own configuration of pytest is none of our business."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise SystemExit('not for the verification')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "PYTEST_ADDOPTS", "--no-such-option")
    lab.kubectl("create", "namespace", "provisioner-verify-left")
    lab.kubectl("label", "namespace", "provisioner-verify-left", LABEL)
    with damaged(lab, "w2", "apt-mark unhold kubectl", "apt-mark hold kubectl"):
        result, heard = run(lab, "w1")
    assert result.ok, result
    assert {event.host for event in heard if isinstance(event, StepEnded)} == {"w1", "cluster"}
    assert namespaces(lab) == ""


def test_an_interrupted_verification_cleans_up(lab: World) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Waiting):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(load(lab.inventory), interrupt)
    assert namespaces(lab) == ""


_KILLED = """
import os, signal, sys
from pathlib import Path
from provisioner.core.report import Waiting
from provisioner.inventory.loader import load
from provisioner.verification.run import verify

def die(event):
    if isinstance(event, Waiting):
        os.kill(os.getpid(), signal.SIGKILL)

verify(load(Path(sys.argv[1])), die)
"""


def test_a_killed_verification_still_cleans_up(lab: World) -> None:
    """The suite notices that its reader is gone."""
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(lab.inventory)], check=False)
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + LONGEST_S
    while namespaces(lab) and time.monotonic() < deadline:
        time.sleep(1)
    assert namespaces(lab) == ""


def test_it_is_a_plug_in_of_a_users_own_pytest(lab: World, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "def test_hostname(host, machine):\n"
        "    assert host.file('/etc/hostname').content_string.strip() == machine.name\n\n"
        "def test_nodes(kubectl, cluster):\n"
        "    assert len(kubectl.json('get', 'nodes')['items']) == len(cluster.hosts)\n"
    )
    options = ["-p", "provisioner.verification.plugin", f"--inventory={lab.inventory}", "--limit=w1", "-q"]
    command = [sys.executable, "-m", "pytest", "--pyargs", "provisioner.verification.suite", "test_mine.py", *options]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert "failed" not in said.stdout
