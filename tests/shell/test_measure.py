"""The script that tries other machines, in a real sh. The tests' ping lets N*100 bytes pass to 10.0.0.N."""

from __future__ import annotations

import socket
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from provisioner.catalog.networks import Port
from provisioner.core.command import Result
from provisioner.world.measure import Target, measure, read_ways
from provisioner.world.network import Passage, Way
from tests.patience import LONGEST_S

PING = """#!/bin/sh
echo "$*" >>"$(dirname "$0")/asked"
for address; do :; done
while [ "$1" != -s ]; do shift; done
case $address in 127.*) exit 1 ;; esac
[ $(($2 + 28)) -le $((${address##*.} * 100)) ]
"""


def found(directory: Path, *targets: Target) -> dict[IPv4Address, Way]:
    done = subprocess.run(
        measure(targets).argv,
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST_S,
        env={"PATH": f"{directory}:/usr/bin:/bin"},
    )
    return read_ways(Result(0, done.stdout))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "ping").write_text(PING)
    (tmp_path / "ping").chmod(0o755)
    return tmp_path


def to(address: str, mtu: int = 1500, port: int = 1) -> Target:
    return Target(IPv4Address(address), mtu, port)


def test_the_largest_packet_is_found_to_the_byte(directory: Path) -> None:
    ways = found(
        directory, to("10.0.0.15"), to("10.0.0.14"), to("10.0.0.90", 9000), to("10.0.0.6"), to("10.0.0.99", 1400)
    )
    assert {str(ip): way.mtu for ip, way in ways.items()} == {
        "10.0.0.15": 1500, "10.0.0.14": 1400, "10.0.0.90": 9000, "10.0.0.6": 600, "10.0.0.99": 1400,
    }  # fmt: skip


def test_a_way_that_lets_everything_through_is_tried_twice_and_may_not_be_cut(directory: Path) -> None:
    found(directory, to("10.0.0.15"))
    assert [line.split()[-1] for line in (directory / "asked").read_text().splitlines()] == ["10.0.0.15"] * 2
    assert (directory / "asked").read_text().count("-M do") == 2


def test_where_no_ping_is_answered_an_open_port_proves_the_way_and_a_refusal_too(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert found(directory, to("127.0.0.1", port=port)) == {IPv4Address("127.0.0.1"): Way(reached=True)}
    assert found(directory, to("127.0.0.1", port=port)) == {IPv4Address("127.0.0.1"): Way(reached=True)}


def test_without_ping_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "ping").write_text("#!/nowhere\n")
    (tmp_path / "ping").chmod(0o755)
    assert found(tmp_path, to("127.0.0.1")) == {IPv4Address("127.0.0.1"): Way(reached=True)}


def test_ports_are_probed_meanwhile_and_without_perl_nothing_is_said_of_them(directory: Path) -> None:
    port = Port("test", "TCP", 1, "test", "")
    target = Target(IPv4Address("127.0.0.1"), 1500, 1, (port,))
    way = Way(reached=True, ports={"TCP 1": Passage.PASSES})
    assert found(directory, target) == {IPv4Address("127.0.0.1"): way}
    (directory / "perl").write_text("#!/bin/sh\necho perl: not found >&2; exit 127\n")
    (directory / "perl").chmod(0o755)
    assert found(directory, target) == {IPv4Address("127.0.0.1"): Way(reached=True)}


def test_nobody_to_try_is_nothing_to_do(directory: Path) -> None:
    assert found(directory) == {}
