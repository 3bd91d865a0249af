"""Scripts that wait, run by the real sh: what they say meanwhile, and what when the deadline has passed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.core.resource import Resource
from provisioner.inventory.values import Secret
from provisioner.resources.kubeadm import Init, Join
from provisioner.resources.kubectl import ApiReady, JoinToken
from provisioner.resources.nodes import NodesReady
from provisioner.resources.waiting import until
from tests.builders import TOKEN, ok
from tests.patience import LONGEST_S

SECRET = Secret("apiVersion: v1\ntoken: hunter2\n", "kubeconfig")


def said(text: str, *arguments: str, path: str = "/usr/bin:/bin", stdin: str = "") -> subprocess.CompletedProcess[str]:
    words = ["/bin/sh", "-euc", text, "sh", *arguments]
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, check=False, timeout=LONGEST_S, env={"PATH": path}
    )


def seconds_out(text: str) -> str:
    """The text without its numbers of seconds: a machine may be slow."""
    return re.sub(r"\d+ s\b", "N s", text)


def test_what_is_so_already_is_not_waited_for() -> None:
    done = said(until("true", "it is so", "$1"), "5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_wait_says_for_what_and_ends_when_it_is_so(tmp_path: Path) -> None:
    done = said(until('[ -e "$2" ] || { touch "$2"; false; }', "$2 is there", "$1"), "5", str(tmp_path / "x"))
    assert (done.returncode, seconds_out(done.stdout)) == (0, f"waiting until {tmp_path / 'x'} is there (N s)\n")


def test_after_the_deadline_the_last_answer_is_told() -> None:
    done = said(until('said=$(echo "not yet, $2"); false', "it is so", "$1"), "1", "friend")
    assert (done.returncode, seconds_out(done.stdout)) == (1, "waiting until it is so (N s)\n")
    assert seconds_out(done.stderr) == "not yet, friend\ngave up after N s of waiting until it is so\n"


def waiting(want: Resource, seen: str = "") -> Command:
    """The command of a change that waits."""
    change = want.diff(ok(seen), set())
    assert change
    return next(command for command in change.commands if "waiting until" in " ".join(command.argv))


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    """A kubectl that answers with the next line of a file each time, and keeps what it was called with."""
    program = tmp_path / "kubectl"
    program.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\necho "$@" >>called\ncase "$*" in *stdin*) cat >config ;; esac\n'
        "head -n 1 answers; sed -i 1d answers\n"
    )
    program.chmod(0o755)
    (tmp_path / "answers").touch()
    return tmp_path


READY = "w1=True w2=False \nw1=True w2=True \n"
WAITS: dict[str, tuple[Resource, str, str]] = {
    "API server": (ApiReady(), "not yet\nok\n", "the API server answers"),
    "token": (JoinToken(Secret(TOKEN, "x"), SECRET, ("w1",)), "\nsignature\n", "the join token is signed"),
    "init": (Init("cp1", SECRET, "/run/x"), "\n10.244.0.0/24\n", "the node cp1 is in the cluster"),
    "nodes": (NodesReady(("w1", "w2"), frozenset()), READY, "the nodes are Ready: w2"),
    "old node": (
        Join("w1", SECRET, "/run/x", present=True, access=SECRET),
        "True\nUnknown\n",
        "the cluster has noticed that the old w1 is gone",
    ),
}


@pytest.mark.parametrize("name", WAITS)
def test_each_wait_of_ours(name: str, kubectl: Path) -> None:
    want, answers, what = WAITS[name]
    command = waiting(want)
    (kubectl / "answers").write_text(answers)
    stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else ""
    done = said(command.argv[2], *command.argv[4:], path=f"{kubectl}:/usr/bin:/bin", stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"waiting until {what}")
    assert seconds_out(done.stdout).endswith(" (N s)\n")
    assert (kubectl / "answers").read_text() == ""


def test_a_token_is_in_nobody_s_arguments(kubectl: Path) -> None:
    (kubectl / "answers").write_text("Unknown\n")
    command = waiting(Join("w1", SECRET, "/run/x", present=True, access=SECRET))
    said(command.argv[2], *command.argv[4:], path=f"{kubectl}:/usr/bin:/bin", stdin=SECRET.reveal())
    assert (kubectl / "config").read_text() == SECRET.reveal()
    assert "hunter2" not in (kubectl / "called").read_text()
