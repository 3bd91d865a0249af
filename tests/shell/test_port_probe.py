"""The program that probes ports, in a real Perl, at this machine itself. Silence is that of a socket which never
answers: UDP that nobody reads, and TCP whose queue is full. IP protocols take root: the contract's tests have them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from provisioner.world.port_probe import PORT_PROBE

pytestmark = pytest.mark.skipif(not shutil.which("perl"), reason="needs perl, as Debian and Ubuntu have it")

HERE = "127.0.0.1"
# Several times what it takes, for a busy machine.
QUICK_S, SLOW_S = 60, 120
NOBODY = 65534


def probe(*targets: str, within_s: float) -> dict[str, str]:
    """What is said of each `TCP 1`, so quickly."""
    words = (HERE, "1500", "22", ",".join(targets))
    began = time.monotonic()
    done = subprocess.run(
        ["perl", "-e", PORT_PROBE, *words], capture_output=True, text=True, check=True, timeout=SLOW_S
    )
    assert time.monotonic() - began < within_s
    assert done.stderr == ""
    lines = [line.removeprefix(f"{HERE} ").partition(": ") for line in done.stdout.splitlines()]
    assert len(lines) == len(targets), "each is answered once"
    return {port: said for port, _, said in lines}


def bound(kind: socket.SocketKind) -> socket.socket:
    one = socket.socket(socket.AF_INET, kind)
    one.bind((HERE, 0))
    return one


def port_of(one: socket.socket) -> int:
    number: int = one.getsockname()[1]
    return number


@contextmanager
def full() -> Iterator[int]:
    """A port where nobody takes calls, and so many wait that the kernel drops the next."""
    with ExitStack() as stack:
        server = stack.enter_context(bound(socket.SOCK_STREAM))
        server.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield port_of(server)


def test_an_open_and_a_closed_port_both_answer_a_probe_and_quickly() -> None:
    with bound(socket.SOCK_STREAM) as server, bound(socket.SOCK_STREAM) as shut, bound(socket.SOCK_DGRAM) as closed:
        server.listen()
        tcp, refused, udp = (port_of(one) for one in (server, shut, closed))
        closed.close()
        targets = (f"TCP {tcp}", f"TCP {refused}", f"UDP {udp}")
        assert probe(*targets, within_s=QUICK_S) == dict.fromkeys(targets, "passes")


def test_silence_is_proof_for_tcp_alone() -> None:
    with full() as tcp, bound(socket.SOCK_DGRAM) as mute:
        targets = f"TCP {tcp}", f"UDP {port_of(mute)}"
        assert list(probe(*targets, within_s=SLOW_S).values()) == ["filtered", "no answer"]
        assert mute.recv(64) == b"provisioner"
        mute.setblocking(False)
        assert mute.recv(64), "it tries more than once"


def test_many_at_once_take_no_longer() -> None:
    with bound(socket.SOCK_STREAM) as shut:
        targets = [f"TCP {number}" for number in range(1, 1001) if number != port_of(shut)]
        assert set(probe(*targets, within_s=QUICK_S).values()) == {"passes"}


def test_what_may_not_be_tried_is_not_told() -> None:
    argv = ["perl", "-e", PORT_PROBE, HERE, "1500", "22", "IP protocol 4,TCP 1"]
    user = NOBODY if os.geteuid() == 0 else None
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=SLOW_S, user=user, cwd="/")
    assert done.stdout == f"{HERE} TCP 1: passes\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets are root's")
def test_an_ip_protocol_that_nobody_knows_there_is_heard() -> None:
    assert probe("IP protocol 4", "IP protocol 253", within_s=QUICK_S) == {
        "IP protocol 4": "passes",
        "IP protocol 253": "passes",
    }
