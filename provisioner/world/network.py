"""The network decision as values: which address, interface and path MTU a host uses, and what was measured.

It is recorded on the host itself, so that every later run reads the same decision, also after a killed run.
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
    """The address that a node uses, its interface, the path MTU to the other hosts, in bytes, and the reasons."""

    interface: str
    ip: IPv4Interface
    mtu: int
    reasons: tuple[str, ...] = ()


class Passage(StrEnum):
    """The result of a port probe: an answer of any kind, a refusal or silence of a firewall, or neither."""

    PASSES = "passes"
    FILTERED = "filtered"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True)
class Way:
    """What a host has found out about the path to an address of another host.

    `mtu` is the path MTU in bytes; None when it could not be measured. `ports` are those that were probed, named as in
    the catalog (`UDP 8472`).
    """

    reached: bool
    mtu: int | None = None
    ports: Mapping[str, Passage] = field(default_factory=dict)


# By the host that tried, and the address that it tried.
Ways = Mapping[tuple[str, IPv4Address], Way]


def record(decision: Decision) -> str:
    """The text of the file that holds the decision."""
    told = {
        "interface": decision.interface,
        "address": str(decision.ip),
        "mtu": decision.mtu,
        "reasons": list(decision.reasons),
    }
    return json.dumps(told, indent=2) + "\n"


def read_record(text: str) -> Decision | None:
    """The decision from that file; None when there is none, or when it cannot be read."""
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
