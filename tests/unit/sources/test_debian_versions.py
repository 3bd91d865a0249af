"""Debian's version strings: order, the upstream version inside, and what is near."""

from __future__ import annotations

from itertools import pairwise

import pytest

from provisioner.sources.versions import is_of, nearest, newest, order, upstream

# Oldest first, as `dpkg --compare-versions` has them.
ORDERED = (
    "0.8.7-00",
    "1.0~rc1-1",
    "1.0-1~bpo1",
    "1.0-1",
    "1.0+b1",
    "1.0a",
    "1.0.1",
    "1.6.20~ds1-1",
    "1.6.20~ds1-1+deb12u1",
    "1.20.2-00",
    "1.20.2-1.1",
    "1.20.10-00",
    "20.10.24+dfsg1-1",
    "1:0.1",
    "5:20.10.24~3-0~debian-bookworm",
    "5:28.3.3-1~ubuntu.22.04~jammy",
)


def test_order_is_that_of_dpkg() -> None:
    for older, newer in pairwise(ORDERED[:4] + ORDERED[6:]):
        assert order(older) < order(newer), (older, newer)
    assert newest(reversed(ORDERED)) == ORDERED[-1]
    assert newest(()) == ""


@pytest.mark.parametrize(
    ("version", "desired"),
    [
        ("1.19.11-00", "1.19.11"),
        ("1.31.2-1.1", "1.31.2"),
        ("5:20.10.24~3-0~debian-bookworm", "20.10.24"),
        ("5:28.3.3-1~ubuntu.22.04~jammy", "28.3.3"),
        ("20.10.24+dfsg1-1+deb12u1+b6", "20.10.24"),
        ("1.6.20~ds1-1", "1.6.20"),
    ],
)
def test_the_upstream_version_inside(version: str, desired: str) -> None:
    assert upstream(version) == desired
    assert is_of(version, desired)
    assert not is_of(version, desired[:-1])


def test_the_nearest_come_first() -> None:
    there = ("1.5.0-00", "1.19.11-00", "1.20.4-00", "1.20.15-00", "1.21.0-00")
    assert nearest(there, "1.20.2", most=3) == ("1.20.4-00", "1.20.15-00", "1.21.0-00")
