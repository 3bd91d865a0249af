"""The scripts by which pods and machines ask each other, run by the real sh with a stand-in for the network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.verification.questions import _ASK, LARGEST, LOOK_UP, PATIENCE_S, Answer, Target, arguments, heard
from tests.patience import LONGEST_S

# `get` answers with what lies in a file called like the address; none is a silence.
GET = 'get() { cat "$PWD/$1" 2>/dev/null; }\n'
HTTP = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"


def ask(directory: Path, *targets: Target) -> dict[str, Answer]:
    script = GET + _ASK.replace(f"+ {PATIENCE_S}", "+ 1")
    argv = ["/bin/sh", "-c", script, "sh", *arguments(targets)]
    return heard(
        subprocess.run(argv, capture_output=True, text=True, check=True, cwd=directory, timeout=LONGEST_S).stdout
    )


def test_each_target_is_heard_or_told_why_not(tmp_path: Path) -> None:
    (tmp_path / "a:1").write_text(HTTP + "probe-w1\n")
    (tmp_path / "b:1").write_text("nc: timed out\n")
    (tmp_path / "proxy:1").write_text(HTTP)
    (tmp_path / "api:1").write_text("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
    found = ask(
        tmp_path,
        Target("one", "a:1", "probe-w1"),
        Target("any", "a:1", "probe-*"),
        Target("other", "a:1", "probe-w2"),
        Target("late", "b:1", "probe-w2"),
        Target("silent", "c:1", "probe-w2"),
        Target("proxy", "proxy:1", "probe-w2"),
        Target("api", "api:1", "Client sent an HTTP request*"),
    )
    assert {name: (answer.ok, answer.text) for name, answer in found.items() if name != "api"} == {
        "one": (True, "probe-w1"),
        "any": (True, "probe-w1"),
        "other": (False, "probe-w1 answered instead of probe-w2"),
        "late": (False, "nc: timed out"),
        "silent": (False, "no answer in 2 s"),
        "proxy": (False, "another server answered instead of probe-w2"),
    }
    assert found["api"].ok


def test_who_had_better_not_be_heard(tmp_path: Path) -> None:
    (tmp_path / "a:1").write_text(HTTP + "probe-w1\n")
    found = ask(
        tmp_path, Target("open", "a:1", "probe-w1", closed=True), Target("shut", "b:1", "probe-w1", closed=True)
    )
    assert (found["open"].ok, found["shut"].ok) == (False, True)


# A pod whose link carries 1500 bytes; `far` lets 1400 pass, `mute` answers no ping.
TOOLS = {
    "nsenter": 'while [ "$1" != --net ]; do shift; done; shift; exec "$@"',
    "ip": 'case $* in *route*) echo "$6 via 10.244.0.1 dev eth0 src 10.244.0.2" ;; '
    '*link*) echo "2: eth0@if3: <UP> mtu 1500 qdisc noqueue" ;; esac',
    "ping": 'for target; do :; done; while [ "$1" != -s ]; do shift; done; size=$(($2 + 28)); '
    "case $target in far) [ $size -le 1400 ] ;; mute) false ;; *) [ $size -le 1500 ] ;; esac",
}


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[str]:
    """A process that looks like a probe, and tools that look like a machine's."""
    for name, text in TOOLS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    variables = {**os.environ, "POD_NAME": "probe-shell-test"}
    argv = ["/bin/sh", "-c", "echo here; read line"]
    with subprocess.Popen(argv, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # a process that has just begun has no environment for a moment
        yield "probe-shell-test"
        process.kill()


def measure(path: str, *words: str) -> dict[str, Answer]:
    argv = ["/bin/bash", "-c", LARGEST, "largest", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=LONGEST_S, env={"PATH": path})
    return heard(done.stdout)


def test_the_largest_packet_is_found(tmp_path: Path, pod: str) -> None:
    found = measure(f"{tmp_path}:/usr/bin:/bin", pod, "w1", "near", "w2", "far", "w3", "mute")
    assert found["w1"] == Answer("w1", True, "1500")
    text = "packets as large as the pod's MTU (1500 bytes) do not arrive, packets of 1400 bytes do"
    assert found["w2"] == Answer("w2", False, text)
    assert "w3" not in found


def test_a_machine_without_the_pod_measures_nothing(tmp_path: Path, pod: str) -> None:
    assert measure(f"{tmp_path}:/usr/bin:/bin", "probe-elsewhere", "w1", "near") == {}


# What busybox and others print: the server first, then what it said.
SERVER = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n"
ANSWERED = f"{SERVER}Name:\ta.example\nAddress: 10.96.0.1\n\n"
OTHERS = "Server:    10.96.0.10\nAddress 1: 10.96.0.10 dns\n\nName:      a.example\nAddress 1: 10.96.0.1 a.example\n"
BOTH = f"{SERVER}Name:\ta.example\nAddress: 2001:db8::1\nName:\ta.example\nAddress: 10.96.0.1\n"
UNKNOWN = f"{SERVER}** server can't find a.example: NXDOMAIN\n\n** server can't find a.example: NXDOMAIN\n"


@pytest.mark.parametrize(
    ("said", "desired", "ok", "text"),
    [
        (ANSWERED, "", True, ""),
        (ANSWERED, "10.96.0.1", True, ""),
        (OTHERS, "10.96.0.1", True, ""),
        (BOTH, "10.96.0.1", True, ""),
        (ANSWERED.replace("0.1\n", "0.10\n"), "10.96.0.1", False, "a.example is 10.96.0.10 and not 10.96.0.1"),
        (UNKNOWN, "10.96.0.1", False, "a.example: ** server can't find a.example: NXDOMAIN"),
        (SERVER, "", False, "a.example: "),
        ("", "", False, "a.example: no answer in 8 s"),
    ],
)
def test_a_name_has_the_address_that_it_must_have(tmp_path: Path, said: str, desired: str, ok: bool, text: str) -> None:
    (tmp_path / "nslookup").write_text(f'#!/bin/sh\ncat "{tmp_path}/said"\nexit 1\n')
    (tmp_path / "nslookup").chmod(0o755)
    (tmp_path / "said").write_text(said)
    argv = ["/bin/sh", "-c", LOOK_UP, "sh", "dns", "a.example", desired]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=LONGEST_S, env=environment)
    assert heard(done.stdout)["dns"] == Answer("dns", ok, text.strip())
