"""The addresses and routes of a machine, as iproute2 tells them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address of a machine on one of its interfaces, with the interface's MTU in bytes and its MAC address.

    `link` is what kind of interface it is, in the kernel's words: ether, loopback, none (a tunnel), ...
    """

    interface: str
    ip: IPv4Interface
    mtu: int
    mac: str = ""
    link: str = "ether"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a machine, through an interface; the way to everywhere else is none. `protocol` is who has made it."""

    destination: IPv4Network
    interface: str
    protocol: str = ""


def read_addresses(text: str) -> Iterator[Address]:
    """From what `ip -j addr show` says."""
    for link in json.loads(text):
        for entry in (entry for entry in link["addr_info"] if entry["family"] == "inet"):
            ip = IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")
            yield Address(link["ifname"], ip, link["mtu"], link.get("address", ""), link.get("link_type", "ether"))


def read_routes(text: str) -> Iterator[Route]:
    """From what `ip -j route show` says; where there is none, it may say nothing at all."""
    for entry in json.loads(text or "[]"):
        if entry["dst"] != "default":
            yield Route(IPv4Network(entry["dst"]), entry.get("dev", ""), str(entry.get("protocol", "")))
