"""A network that nobody uses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.inventory.free_networks import DOCKER, free_network, suggestion

NETWORKS = st.builds(
    lambda start, prefix: IPv4Network((start, prefix), strict=False),
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(8, 28),
)


def networks(text: str) -> list[IPv4Network]:
    return [IPv4Network(word) for word in text.split()]


@pytest.mark.parametrize(
    ("like", "taken", "free"),
    [
        ("192.168.0.0/16", "192.168.56.0/24", "10.244.0.0/16"),
        ("192.168.0.0/16", "10.244.7.0/24", "10.0.0.0/16"),
        ("10.96.0.0/12", "10.244.0.0/16", "10.96.0.0/12"),
        ("10.96.0.0/12", "10.0.0.0/8", "100.64.0.0/12"),
        ("10.0.0.0/16", "10.0.0.0/8", "172.16.0.0/16"),
        ("10.0.0.0/16", "10.0.0.0/8 172.16.0.0/16", "172.18.0.0/16"),
        ("10.0.0.0/24", "10.0.0.0/8 172.16.0.0/12", "192.168.0.0/24"),
    ],
)
def test_what_is_suggested(like: str, taken: str, free: str) -> None:
    assert str(free_network(IPv4Network(like), networks(taken))) == free


def test_where_nothing_is_free_a_smaller_one_is_asked_for() -> None:
    found = suggestion("pod_cidr", IPv4Network("10.0.0.0/8"), networks("10.0.0.0/24"))
    assert found == "use a smaller pod_cidr: no private /8 is free"


@given(NETWORKS, st.lists(NETWORKS, max_size=8))
def test_what_is_suggested_is_free_private_and_as_large(like: IPv4Network, taken: list[IPv4Network]) -> None:
    free = free_network(like, taken)
    if free is not None:
        assert free.prefixlen == like.prefixlen
        assert not any(free.overlaps(other) for other in (*taken, DOCKER))
        assert not free.is_global
