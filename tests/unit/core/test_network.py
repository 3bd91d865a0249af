"""The decision as a file, and what machines answer that have tried to reach each other."""

from __future__ import annotations

import string
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.world.addresses import Route, read_routes
from provisioner.world.measure import read_ways
from provisioner.world.network import Decision, Passage, Way, read_record, record
from tests.builders import ok

DECISION = Decision("eth1", IPv4Interface("10.0.0.1/24"), 1400, ("it is so",))


@given(
    st.builds(
        Decision,
        st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True),
        st.ip_addresses(v=4).map(IPv4Interface),
        st.integers(0, 65536),
        st.lists(st.text(string.printable[:95])).map(tuple),
    )
)
def test_what_is_written_down_is_read_again(decision: Decision) -> None:
    assert read_record(record(decision)) == decision


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "3", record(DECISION)[:-20], record(DECISION).replace("10.0.0.1", "ten")]
)
def test_a_damaged_record_is_none(text: str) -> None:
    assert read_record(text) is None


def test_what_machines_found_out() -> None:
    seen = ok("10.0.0.2 1400\n10.0.0.3 lost\n10.0.0.4 reached\nsh: oops\n10.0.0.5 maybe\n")
    assert read_ways(seen) == {
        IPv4Address("10.0.0.2"): Way(reached=True, mtu=1400),
        IPv4Address("10.0.0.3"): Way(reached=False),
        IPv4Address("10.0.0.4"): Way(reached=True),
    }


def test_the_results_of_port_probes() -> None:
    """Those at an address of which nothing else is known tell nothing."""
    lines = (
        "10.0.0.2 UDP 8472: no answer",
        "10.0.0.2 1400",
        "10.0.0.2 IP protocol 4: passes",
        "10.0.0.3 TCP 1: filtered",
    )
    told = {"UDP 8472": Passage.SILENT, "IP protocol 4": Passage.PASSES}
    assert read_ways(ok("\n".join(lines))) == {IPv4Address("10.0.0.2"): Way(reached=True, mtu=1400, ports=told)}


def test_routes_as_iproute2_tells_them() -> None:
    text = """[{"dst":"default","gateway":"10.0.2.2","dev":"eth0","protocol":"dhcp","flags":[]},
      {"dst":"10.244.1.0/24","gateway":"10.0.0.2","dev":"eth1","protocol":"112","flags":[]},
      {"dst":"10.9.8.7","dev":"wg0","scope":"link","flags":[]},
      {"type":"blackhole","dst":"10.50.0.0/16","flags":[]}]"""
    found = [(str(route.destination), route.interface, route.protocol) for route in read_routes(text)]
    assert found == [("10.244.1.0/24", "eth1", "112"), ("10.9.8.7/32", "wg0", ""), ("10.50.0.0/16", "", "")]
    assert list(read_routes("")) == list(read_routes("[ ]")) == []
    assert isinstance(next(read_routes(text)), Route)
