"""What a node says of itself becomes a value, or makes the node an odd one; what it claims may be another's."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.untrusted import UntrustedError
from provisioner.world.nodes import Nodes, read_nodes
from tests.conftest import Tally
from tests.hostile import HOSTILE

PODS = (IPv4Network("10.244.0.0/16"),)
USUAL = {
    "name": "w1",
    "ready": "True",
    "version": "v1.20.2",
    "runtime": "containerd://1.6.20",
    "pods": "10.244.1.0/24",
    "address": "10.0.0.21",
    "labels": "",
    "taints": "",
}


def row(**changes: str) -> list[str]:
    """A line of the look: fields as our template quotes them; of lists each value is ended by a comma."""
    told = {**USUAL, **changes}
    for name in ("pods", "address"):
        told[name] = "".join(f"{quote_plus(value)}," for value in told[name].split())
    for name in ("version", "runtime"):
        told[name] = quote_plus(told[name])
    return list(told.values())


def read(*rows: list[str], own: tuple[str, ...] = ("w1", "w2")) -> Nodes:
    return read_nodes(rows, PODS, own)


def test_a_node_is_read_into_values() -> None:
    (node,) = read(row(labels="a.example%2Fb=c,d=,", taints="k==NoSchedule,e%2Ff=v=NoExecute,")).sound.values()
    assert (node.pod_cidr, node.internal_ip) == (IPv4Network("10.244.1.0/24"), IPv4Address("10.0.0.21"))
    assert (node.ready, node.version, node.runtime) == (True, "1.20.2", "containerd://1.6.20")
    assert node.labels == {"a.example/b": "c", "d": ""}
    assert node.taints == ("k:NoSchedule", "e/f=v:NoExecute")


@pytest.mark.parametrize(
    ("changes", "pods", "address"),
    [
        ({"pods": "10.244.1.0/24 fd00:1::/64", "address": "10.0.0.21 fd00::21"}, "10.244.1.0/24", "10.0.0.21"),
        ({"pods": "fd00:1::/64 10.244.1.0/24", "address": "fd00::21 10.0.0.21"}, "10.244.1.0/24", "10.0.0.21"),
        ({"pods": "fd00:1::/64", "address": "fd00::21"}, "None", "None"),
        ({"pods": "", "address": ""}, "None", "None"),
        ({"address": "10.0.0.21 10.9.0.21"}, "10.244.1.0/24", "10.0.0.21"),
        ({"version": "", "runtime": ""}, "10.244.1.0/24", "10.0.0.21"),
    ],
    ids=["two families", "the other first", "IPv6 alone", "nothing yet", "two addresses", "no kubelet yet"],
)
def test_what_is_legal_is_not_odd(changes: dict[str, str], pods: str, address: str) -> None:
    found = read(row(**changes))
    assert found.odd == {}
    assert (str(found.sound["w1"].pod_cidr), str(found.sound["w1"].internal_ip)) == (pods, address)


@pytest.mark.parametrize("version", ["v1.29.6+k3s1", "v1.27.3-gke.100", "v1.26.0-alpha.0.123+abcdef-dirty", "v1.20.2"])
@pytest.mark.parametrize("runtime", ["docker://20.10.24+dfsg1", "containerd://1.7.24~ds1", "containerd://Unknown"])
def test_versions_of_others_are_none_of_our_business(version: str, runtime: str) -> None:
    assert read(row(version=version, runtime=runtime)).odd == {}


# Of texts that are hostile in one place some are fine in another: these are a version's end.
_FINE = ("\ud800", "123", "null", "END")
ODD = (
    *({field: text.replace(" ", "")} for text in HOSTILE if text != "\ud800" for field in ("pods", "address")),
    *({field: text} for text in HOSTILE if text not in _FINE for field in ("version", "runtime")),
    *({"address": text} for text in ("127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1%$(x)", "10.1")),
    *({"pods": text} for text in ("10.244.1.1/24", "10.245.0.0/24", "10.244.0.0/15", "10.244.1.0", "::/x", "0/0")),
    *({"labels": text} for text in ("a=%0A,", "%24%28x%29=b,", "a=b%22,", "a=%FF,", f"a={'x' * 64},")),
    *({"taints": text} for text in ("k=v=Sometimes,", "k=v,", "=v=NoSchedule,", "k=%60x%60=NoSchedule,")),
)


def test_a_node_that_says_what_cannot_be_is_odd(tally: Tally) -> None:
    for changes in ODD:
        found = read(row(**changes), row(name="w2", pods="10.244.2.0/24", address="10.0.0.22"))
        assert (list(found.sound), list(found.odd)) == (["w2"], ["w1"]), changes
        assert found.odd["w1"].isprintable(), changes
        assert len(found.odd["w1"]) < 250, changes
    tally("hostile inputs tried", len(ODD))


CLAIMS: tuple[tuple[dict[str, str], dict[str, str], set[str]], ...] = (
    ({}, {"pods": "10.244.1.0/24"}, {"w1", "w2"}),
    ({}, {"pods": "10.244.0.0/16"}, {"w1", "w2"}),
    ({}, {"pods": "10.244.1.128/25"}, {"w1", "w2"}),
    ({}, {"address": "10.0.0.21"}, {"w1", "w2"}),
    ({}, {"name": "guest", "pods": "10.244.0.0/16"}, {"guest"}),
    ({}, {"name": "guest", "address": "10.0.0.21"}, {"guest"}),
    ({"name": "one"}, {"name": "other", "address": "10.0.0.21"}, {"one", "other"}),
    ({}, {}, set()),
)


@pytest.mark.parametrize(("first", "second", "odd"), CLAIMS)
def test_what_two_nodes_claim_is_believed_of_the_inventory_s_alone(
    first: dict[str, str], second: dict[str, str], odd: set[str]
) -> None:
    usual = {"name": "w2", "pods": "10.244.2.0/24", "address": "10.0.0.22"}
    assert set(read(row(**first), row(**{**usual, **second})).odd) == odd
    assert set(read(row(**{**usual, **second}), row(**first)).odd) == odd


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(20, 28)), max_size=12))
def test_odd_are_those_that_overlap_and_no_others(parts: list[tuple[int, int]]) -> None:
    networks = [IPv4Network(f"10.244.{number}.0/{length}", strict=False) for number, length in parts]
    rows = [row(name=f"n{at}", pods=str(one), address=f"10.0.0.{at + 1}") for at, one in enumerate(networks)]
    clash = {
        f"n{at}"
        for at, one in enumerate(networks)
        if any(one.overlaps(other) for place, other in enumerate(networks) if place != at)
    }
    assert set(read(*rows).odd) == clash


@pytest.mark.parametrize("fields", [["w1"], row(name="W1"), row(name="%0A"), [*row(), ""], []])
def test_an_api_server_that_does_not_answer_as_one_does_is_not_read(fields: list[str]) -> None:
    with pytest.raises(UntrustedError):
        read(fields)
    with pytest.raises(UntrustedError):
        read(row(), row())
