"""A lab's address range collides with nothing the host already has."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import islice

from provisioner.labs.network import free_subnets, parse_routes

# As Linux prints it on x86: addresses are little-endian.
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_one() -> None:
    assert list(parse_routes(ROUTES)) == [IPv4Network("192.0.2.0/24"), IPv4Network("172.17.0.0/16")]


def test_nothing_taken_gives_the_first_range() -> None:
    assert next(free_subnets(())) == IPv4Network("10.213.0.0/24")


def test_taken_ranges_are_passed_over() -> None:
    taken = (IPv4Network("10.213.0.0/23"), IPv4Network("10.213.3.128/25"))
    assert list(map(str, islice(free_subnets(taken), 2))) == ["10.213.2.0/24", "10.213.4.0/24"]


def test_behind_a_vpn_that_takes_all_of_ten_another_range_is_found() -> None:
    assert next(free_subnets((IPv4Network("10.0.0.0/8"),))) == IPv4Network("172.31.0.0/24")


def test_when_everything_is_taken_there_is_none() -> None:
    assert list(free_subnets((IPv4Network("0.0.0.0/0"),))) == []
