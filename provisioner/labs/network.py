"""The lab's own network: a private range that nothing else here uses, kept for as long as the lab exists."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import docker
from docker.errors import APIError
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from provisioner.errors import LabError
from provisioner.labs.rights import LABEL

ROUTES = Path("/proc/net/route")
# Ranges that neither kubeadm's usual pod and service ranges nor home routers take, and Docker last: private
# ones (RFC 1918), then the one for benchmarks (RFC 2544).
CANDIDATES = (IPv4Network("10.213.0.0/16"), IPv4Network("172.31.0.0/16"), IPv4Network("198.18.0.0/16"))
PREFIX = 24
# https://docs.docker.com/engine/network/drivers/bridge/#options
_MTU = "com.docker.network.driver.mtu"
# Columns of /proc/net/route (proc(5)): Iface Destination Gateway Flags RefCnt Use Metric Mask, hexadecimal.
DESTINATION, MASK = 1, 7


def parse_routes(text: str) -> Iterator[IPv4Network]:
    """Destinations of a /proc/net/route table, without the default route."""
    for line in text.splitlines()[1:]:
        columns = line.split()
        destination, mask = (_address(columns[index]) for index in (DESTINATION, MASK))
        if int(mask):
            yield IPv4Network(f"{destination}/{mask}")


def _address(little_endian: str) -> IPv4Address:
    return IPv4Address(struct.pack("<L", int(little_endian, 16)))


def free_subnets(taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """Ranges for a lab that overlap nothing in `taken`, in the order they are tried."""
    used = tuple(taken)
    for candidate in CANDIDATES:
        for subnet in candidate.subnets(new_prefix=PREFIX):
            if not any(subnet.overlaps(other) for other in used):
                yield subnet


def full_name(lab: str) -> str:
    """The network's name in the engine."""
    return f"provisioner-lab-{lab}"


def find(client: docker.DockerClient, lab: str) -> Network | None:
    """The lab's network, or None."""
    found = client.networks.list(filters={"label": f"{LABEL}={lab}"})
    return found[0] if found else None


def subnet_of(network: Network) -> IPv4Network:
    """The range of a lab's network."""
    return IPv4Network(network.attrs["IPAM"]["Config"][0]["Subnet"])


def ensure(client: docker.DockerClient, lab: str, desired: IPv4Network | None, mtu: int | None = None) -> IPv4Network:
    """The range of the lab's network, which is made when there is none; `mtu` is in bytes.

    Raises LabError when `desired`, or every range the lab would take by itself, is in use.
    """
    existing = find(client, lab)
    if existing is not None:
        return subnet_of(existing)
    routes = tuple(parse_routes(ROUTES.read_text())) if ROUTES.exists() else ()
    if desired is None:
        return _first_that_fits(client, lab, free_subnets((*routes, *_networks(client))), mtu)
    overlapped = [str(route) for route in (*routes, *_networks(client)) if desired.overlaps(route)]
    if overlapped or not _create(client, lab, desired, mtu):
        raise LabError(
            f"the address range {desired} is taken{': this machine has ' + overlapped[0] if overlapped else ''}",
            hint="choose another range, or leave the choice to the lab",
        )
    return desired


def _networks(client: docker.DockerClient) -> Iterator[IPv4Network]:
    for network in client.networks.list():
        for pool in (network.attrs.get("IPAM") or {}).get("Config") or ():
            if ":" not in pool.get("Subnet", ":"):
                yield IPv4Network(pool["Subnet"])


def _first_that_fits(
    client: docker.DockerClient, lab: str, candidates: Iterable[IPv4Network], mtu: int | None
) -> IPv4Network:
    for subnet in candidates:
        if _create(client, lab, subnet, mtu):
            return subnet
    raise LabError("all private address ranges that the lab would use are taken", hint="choose one yourself")


def _create(client: docker.DockerClient, lab: str, subnet: IPv4Network, mtu: int | None) -> bool:
    """Make the network; False when the engine reports an overlap with another one that was made meanwhile."""
    try:
        client.networks.create(
            full_name(lab),
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))]),
            labels={LABEL: lab},
            options={_MTU: str(mtu)} if mtu else {},
        )
    except APIError as error:
        if "overlap" in str(error.explanation).lower():
            return False
        raise LabError(f"the engine refuses the lab's network: {error.explanation}") from error
    return True
