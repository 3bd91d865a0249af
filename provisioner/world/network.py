"""The network decision as values: which address, interface and largest packet a machine uses, and what was measured.

It is written down on the machine that it is about, so that a killed run, a second run and everyone else reads the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface

from provisioner.core import untrusted

# An IP packet is never larger (RFC 791); loopback's MTU is one more.
_MOST_MTU = 65536
_REASON = 500
RECORD = "/var/lib/provisioner/network.json"


@dataclass(frozen=True, slots=True)
class Decision:
    """The address that a node uses, its interface, the largest packet that passes to the others, in bytes, and why."""

    interface: str
    ip: IPv4Interface
    mtu: int
    reasons: tuple[str, ...] = ()


class Passage(StrEnum):
    """What came of a knock at a port: an answer of any kind, a word or a silence that forbids it, or neither."""

    PASSES = "passes"
    FILTERED = "filtered"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True)
class Way:
    """What a machine has found out about the way to an address of another.

    `mtu` is the largest packet that passes, in bytes; None where that could not be measured. `ports` are those that
    were knocked at, in the catalogue's words (`UDP 8472`).
    """

    reached: bool
    mtu: int | None = None
    ports: Mapping[str, Passage] = field(default_factory=dict)


# By the machine that tried, and the address it tried.
Ways = Mapping[tuple[str, IPv4Address], Way]


def record(decision: Decision) -> str:
    """The decision as the file that holds it."""
    told = {
        "interface": decision.interface,
        "address": str(decision.ip),
        "mtu": decision.mtu,
        "reasons": list(decision.reasons),
    }
    return json.dumps(told, indent=2) + "\n"


def read_record(text: str) -> Decision | None:
    """The decision from that file; None when there is none, or none that can be read."""
    try:
        told = json.loads(text)
        reasons = tuple(untrusted.printable(reason)[:_REASON] for reason in told["reasons"])
        interface, mtu = untrusted.interface(told["interface"]), untrusted.number(told["mtu"], _MOST_MTU)
        address, _, length = str(told["address"]).partition("/")
        return Decision(
            interface, IPv4Interface((untrusted.address(address), untrusted.number(length, 32))), mtu, reasons
        )
    except (ValueError, KeyError, TypeError):
        return None
