"""The addresses and routes of a host, as iproute2 reports them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from provisioner.core import untrusted
from provisioner.core.untrusted import UntrustedError


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address of a host on one of its interfaces, with the interface's MTU in bytes and its MAC address.

    `link` is the kind of the interface, as the kernel names it: ether, loopback, none (a tunnel), ...
    """

    interface: str
    ip: IPv4Interface
    mtu: int
    mac: str = ""
    link: str = "ether"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a host through an interface; the default route is left out. `protocol` says what has set the route."""

    destination: IPv4Network
    interface: str
    protocol: str = ""


# A MAC address, or what other kinds of interfaces have in its place: an IPv4 address, 20 bytes of InfiniBand.
_LINK_ADDRESS = re.compile(r"[0-9a-fA-F:.]{0,60}")
# `ether`, `ieee802.11`, `tunnel6`, or a number in brackets; a route's `kernel`, `boot`, `bird`, or a number.
_WORD = re.compile(r"[A-Za-z0-9_./\[\]-]{0,32}")


def read_addresses(text: str) -> Iterator[Address]:
    """The addresses in the output of `ip -j addr show`; ValueError when it is something else."""
    for link in _entries(json.loads(text)):
        name = untrusted.interface(link.get("ifname"))
        mtu = untrusted.number(link.get("mtu"), 2**31)
        mac, kind = _matching(_LINK_ADDRESS, link.get("address", "")), _matching(_WORD, link.get("link_type", "ether"))
        for entry in (entry for entry in _entries(link["addr_info"]) if entry["family"] == "inet"):
            ip = untrusted.address(entry["local"])
            yield Address(name, IPv4Interface((ip, untrusted.number(entry["prefixlen"], 32))), mtu, mac, kind)


def read_routes(text: str) -> Iterator[Route]:
    """The routes in the output of `ip -j route show`, which may be empty when there are none."""
    for entry in _entries(json.loads(text.strip() or "[]")):
        if entry["dst"] != "default":
            device = untrusted.interface(entry["dev"]) if "dev" in entry else ""
            yield Route(_destination(entry["dst"]), device, _matching(_WORD, str(entry.get("protocol", ""))))


def _entries(told: object) -> list[dict[str, Any]]:
    if isinstance(told, list) and all(isinstance(entry, dict) for entry in told):
        return told
    raise UntrustedError("output of `ip`", told)


def _destination(text: object) -> IPv4Network:
    """A network, or a single address without a length."""
    return untrusted.network(text if "/" in str(text) else f"{text}/32")


def _matching(pattern: re.Pattern[str], text: object) -> str:
    if isinstance(text, str) and pattern.fullmatch(text):
        return text
    raise UntrustedError("output of `ip`", text)
