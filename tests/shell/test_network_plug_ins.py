"""The scripts around network plug-ins, run by the real sh: when a wait has no hope, and what is taken away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.resources import daemon_sets
from provisioner.resources.daemon_sets import DaemonSetReady
from provisioner.resources.leftovers import LeftoversGone
from tests.builders import ok
from tests.patience import LONGEST_S

READY = DaemonSetReady("kube-system", "net", "app=net", ("cp1", "w1"), deadline_s=3)
# Answers to the three questions that are asked: of the set, of its pods, and what they wait for.
KUBECTL = """#!/bin/sh
case "$*" in
  *"get daemonset"*) cat {directory}/set ;;
  *restartCount*) cat {directory}/waiting ;;
  *) cat {directory}/pods ;;
esac
"""


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """What kubectl says, in files."""
    for name in ("set", "pods", "waiting"):
        (tmp_path / name).write_text("")
    program(tmp_path, "kubectl", KUBECTL.format(directory=tmp_path))
    return tmp_path


def program(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(text)
    (directory / name).chmod(0o755)


def run(directory: Path, command: Command) -> subprocess.CompletedProcess[str]:
    path = f"{directory}:/usr/bin:/bin"
    return subprocess.run(
        command.argv, capture_output=True, text=True, check=False, timeout=LONGEST_S, env={"PATH": path}
    )


def wait(directory: Path) -> subprocess.CompletedProcess[str]:
    change = READY.diff(ok(" w1"), set())
    assert change
    return run(directory, change.commands[0])


@pytest.mark.parametrize(
    ("counted", "pods", "late"),
    [
        ("", "", "cp1 w1"),
        ("1=1=2", "cp1=True w1=True ", ""),
        ("1=1=2", "cp1=True w1=False ", "w1"),
        ("1=1=2", "cp1=True ", "w1"),
        ("2=1=2", "cp1=True w1=True ", "cp1 w1"),
        ("2=2=1", "cp1=True w1=True ", "cp1 w1"),
        ("2=2=", "cp1=True w1=True ", "cp1 w1"),
        ("1=1=2", "cp11=True w1=True ", "cp1"),
    ],
)
def test_which_nodes_are_late(told: Path, counted: str, pods: str, late: str) -> None:
    (told / "set").write_text(counted)
    (told / "pods").write_text(pods)
    done = run(told, READY.probe())
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, late, "")


def test_the_wait_names_who_is_late_and_has_a_deadline(told: Path) -> None:
    (told / "set").write_text("1=1=2")
    (told / "pods").write_text("cp1=True ")
    done = wait(told)
    assert done.returncode == 1
    assert "waiting until the network plug-in net is ready on: w1 (" in done.stdout
    assert "gave up after" in done.stderr


@pytest.mark.parametrize(
    "waiting",
    [
        "ErrImageNeverPull 0 w1: ErrImageNeverPull no such image",
        "InvalidImageName 0 w1: InvalidImageName bad",
        "CrashLoopBackOff 7 w1: CrashLoopBackOff back-off restarting",
    ],
)
def test_what_has_no_hope_ends_at_once_with_its_reason(told: Path, waiting: str) -> None:
    (told / "waiting").write_text(f"{waiting}\n")
    done = wait(told)
    assert done.returncode == 1
    assert "it will not become ready:\n  on w1: " in done.stderr
    assert "gave up" not in done.stderr


MAY_PASS = (
    "ErrImagePull 0 w1: ErrImagePull x",
    # A kubelet that has just started.
    "CreateContainerConfigError 0 w1: CreateContainerConfigError services have not yet been read at least once",
)


@pytest.mark.parametrize("waiting", [*MAY_PASS, "CrashLoopBackOff 1 w1: y", "PodInitializing 0 w1: z"])
def test_what_may_pass_is_waited_for(told: Path, waiting: str) -> None:
    (told / "waiting").write_text(f"{waiting}\n")
    assert "gave up after" in wait(told).stderr


@pytest.mark.parametrize("waiting", MAY_PASS)
def test_what_does_not_pass_ends_before_the_deadline(told: Path, waiting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (told / "waiting").write_text(f"{waiting}\n")
    monkeypatch.setattr(daemon_sets, "_WAIT", daemon_sets._WAIT.replace(f"-ge {daemon_sets._PATIENCE_S}", "-ge 1"))
    done = wait(told)
    assert "it will not become ready:\n  on w1: " in done.stderr
    assert "gave up" not in done.stderr


SAVED = """*filter
:INPUT ACCEPT [0:0]
:FLANNEL-FWD - [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FORWARD -j KUBE-FORWARD
-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "it's $(touch pwned)" -j ACCEPT
-A FORWARD -s 10.244.0.0/16 -m comment --comment ours -j ACCEPT
-A FORWARD -s 10.9.0.0/16 -m comment --comment "ours too" -j ACCEPT
COMMIT
"""


@pytest.fixture
def firewall(tmp_path: Path) -> Path:
    """An iptables that writes down what it is told, one word a line, and commands apart."""
    (tmp_path / "saved").write_text(SAVED.replace("$(touch pwned)", f"$(touch {tmp_path}/pwned)"))
    program(tmp_path, "iptables-save", f'#!/bin/sh\nif [ "$2" = filter ]; then cat {tmp_path}/saved; fi\n')
    program(tmp_path, "iptables", f'#!/bin/sh\nprintf "%s|" "$@" >>{tmp_path}/log; echo >>{tmp_path}/log\n')
    program(tmp_path, "ip", "#!/bin/sh\n")
    return tmp_path


def test_of_the_firewall_only_its_own_rules_go_one_by_one(firewall: Path) -> None:
    gone = LeftoversGone("flannel", (("rules", "FLANNEL-"), ("rules", "ours"), ("file", f"{firewall}/conflist")))
    (firewall / "conflist").write_text("{}")
    seen = run(firewall, gone.probe())
    assert seen.stdout.count("rule filter") == 3
    change = gone.diff(ok(seen.stdout), set())
    assert change
    done = run(firewall, change.commands[0])
    assert (done.returncode, done.stderr) == (0, "")
    commands = (firewall / "log").read_text().splitlines()
    assert [command.split("|")[4:6] for command in commands] == [
        ["-D", "FORWARD"], ["-D", "FLANNEL-FWD"], ["-X", "FLANNEL-FWD"], ["-D", "FORWARD"],
    ]  # fmt: skip
    assert f"it's $(touch {firewall}/pwned)" in commands[1]
    assert not (firewall / "pwned").exists()
    assert not (firewall / "conflist").exists()
    assert not [command for command in commands if "|-F|" in command or "KUBE" in command]


def test_where_nothing_is_left_there_is_nothing_to_say(firewall: Path) -> None:
    gone = LeftoversGone(
        "x", (("unit", "no.service"), ("link", "no0"), ("routes", "112"), ("rules", "NO-"), ("file", "/no"))
    )
    done = run(firewall, gone.probe())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
