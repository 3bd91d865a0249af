"""Fleets to decide for: machines by their interfaces, and what they have found out about the ways between them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from provisioner.inventory.model import Host
from provisioner.world.addresses import Address
from provisioner.world.network import Way
from provisioner.world.view import View
from tests.builders import cluster, facts, host, nic, view

NAT = nic("eth0", "10.0.2.15/24")
LOST = Way(reached=False)


def fleet(machines: Mapping[str, tuple[Address, ...]], *hosts: Host, **changes: Any) -> View:
    """Machines with these addresses, reached through ports of this one unless a host says otherwise."""
    told = {one.name: one for one in hosts}
    desired = [
        told.get(name) or host(name, "127.0.0.1", port=2200 + number) for number, name in enumerate(sorted(machines))
    ]
    loopback = nic("lo", "127.0.0.1/8", 65536)
    found = {name: facts(name, "10.0.0.1", addresses=(loopback, *nics)) for name, nics in machines.items()}
    settings = changes.pop("settings", {})
    return view(cluster(*desired, **settings), facts=found, **changes)


def ways(**found: int | None) -> dict[tuple[str, IPv4Address], Way]:
    """`cp1__10_0_0_2=1500`: what a machine has found out about an address; 0 for one that is not reached."""
    split = {name.partition("__")[::2]: mtu for name, mtu in found.items()}
    return {
        (name, IPv4Address(address.replace("_", "."))): LOST if mtu == 0 else Way(reached=True, mtu=mtu)
        for (name, address), mtu in split.items()
    }
