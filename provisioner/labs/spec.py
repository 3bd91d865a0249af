"""What a lab should be and what it is, as values: requested sizes, machines, names and addresses. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from provisioner.errors import LabError, Problem
from provisioner.inventory.model import Role
from provisioner.inventory.ssh import SSH_PORT
from provisioner.inventory.values import Version

# Releases a machine can have, each with its distribution; every one is tried by the end-to-end tests.
RELEASES = {"bookworm": "debian", "bullseye": "debian", "trixie": "debian", "jammy": "ubuntu", "noble": "ubuntu"}
# What a bundle from Debian's sources holds.
KUBERNETES_VERSION = "1.20.2"
# Control planes are numbered from .10 of the network, workers from its middle: adding some never moves the others.
FIRST_CONTROL_PLANE = 10
LOOPBACK = "127.0.0.1"
# Published ports: control planes from the first one, workers this many after it.
WORKER_PORTS_AFTER = 100
HIGHEST_PORT = 65535
# A machine below this does not run the kubelet beside a container runtime.
LEAST_MEMORY_MIB = 512
# What VirtualBox gives to the first interface of each of its machines, all alike (VirtualBox manual, "NAT").
NAT = "10.0.2.15/24"
# The smallest MTU of an IPv4 network (RFC 791), and the largest one that Linux bridges are used with.
MTUS = range(576, 9001)


@dataclass(frozen=True, slots=True)
class LabSpec:
    """What the user asks for. `memory_mib` and `cpus` are limits per machine, None for no limit.

    `subnet` None takes a free one. `ssh_port` publishes the machines' sshd on 127.0.0.1 from that port on;
    None reaches them at their addresses, which works where the engine runs on this machine itself. `kubernetes` is the
    version that the inventory names; empty keeps the old one, or takes the one that Debian has the source of. With
    `nat`, machines have a first interface as in VirtualBox, with the same address on all; `mtu` is that of the network,
    None for the engine's default.
    """

    name: str = "lab"
    control_planes: int = 1
    workers: int = 2
    release: str = "bookworm"
    subnet: IPv4Network | None = None
    memory_mib: int | None = None
    cpus: float | None = None
    ssh_port: int | None = None
    kubernetes: str = ""
    nat: bool = False
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: `address` is where other machines reach it, `ssh_host` and `ssh_port` where we do.

    `state` is the engine's word (running, exited, created, ...) or `missing`.
    """

    name: str
    role: Role
    address: IPv4Address
    ssh_host: str
    ssh_port: int = SSH_PORT
    state: str = "missing"


def problems(spec: LabSpec) -> tuple[Problem, ...]:
    """Everything in `spec` that is not possible, all at once."""
    size = spec.control_planes + spec.workers
    findings = (
        (
            bool(spec.kubernetes) and not re.fullmatch(Version.pattern, spec.kubernetes),
            "kubernetes",
            f"{spec.kubernetes!r} is not a full version",
            f"write it like {KUBERNETES_VERSION}",
        ),
        (spec.control_planes < 1, "control planes", "a cluster needs at least one control plane", ""),
        (spec.workers < 0, "workers", "the number must not be negative", ""),
        (
            spec.release not in RELEASES,
            "release",
            f"{spec.release!r} is not a release that the lab knows",
            f"use one of: {', '.join(RELEASES)}",
        ),
        (
            spec.memory_mib is not None and spec.memory_mib < LEAST_MEMORY_MIB,
            "memory",
            f"{spec.memory_mib} MiB is too little for a node",
            f"give at least {LEAST_MEMORY_MIB} MiB (kubeadm wants 1700 on a control plane)",
        ),
        (spec.cpus is not None and spec.cpus <= 0, "cpus", "must be more than zero", ""),
        (
            spec.mtu is not None and spec.mtu not in MTUS,
            "mtu",
            f"{spec.mtu} is not a valid MTU",
            f"use one from {MTUS[0]} to {MTUS[-1]}, such as 1400",
        ),
        (
            spec.ssh_port is not None and not 1 <= spec.ssh_port <= HIGHEST_PORT - WORKER_PORTS_AFTER - size,
            "ssh port",
            f"{spec.ssh_port} leaves no room for the machines' ports",
            "use one between 1024 and 65000",
        ),
        (
            spec.subnet is not None and not _fits(spec, spec.subnet),
            "subnet",
            f"{spec.subnet} is too small for {size} machines",
            "use a /24",
        ),
    )
    return tuple(Problem("lab", where, message, hint) for wrong, where, message, hint in findings if wrong)


def check(spec: LabSpec) -> None:
    """Raise LabError with all problems of `spec`."""
    found = problems(spec)
    if found:
        raise LabError(f"the lab {spec.name} cannot be made as requested", found)


def _fits(spec: LabSpec, subnet: IPv4Network) -> bool:
    half = subnet.num_addresses // 2
    return FIRST_CONTROL_PLANE + spec.control_planes < half and spec.workers < half - 1


def machines(spec: LabSpec, subnet: IPv4Network) -> tuple[Machine, ...]:
    """The machines of `spec` in the network `subnet`: cp1, cp2, ..., w1, w2, ...; the same every time."""
    half = subnet.num_addresses // 2
    control_planes = [
        _machine(spec, f"cp{i + 1}", Role.CONTROL_PLANE, subnet[FIRST_CONTROL_PLANE + 1 + i], i)
        for i in range(spec.control_planes)
    ]
    workers = [
        _machine(spec, f"w{i + 1}", Role.WORKER, subnet[half + 1 + i], WORKER_PORTS_AFTER + i)
        for i in range(spec.workers)
    ]
    return (*control_planes, *workers)


def _machine(spec: LabSpec, name: str, role: Role, address: IPv4Address, ports_after: int) -> Machine:
    if spec.ssh_port is None:
        return Machine(name, role, address, str(address))
    return Machine(name, role, address, LOOPBACK, spec.ssh_port + ports_after)


def grown(recorded: LabSpec | None, asked: LabSpec) -> LabSpec:
    """What an existing lab becomes when `asked` is requested: more machines, never fewer, the rest as it was.

    Raises LabError when `asked` wants what only a new lab can have, such as another release, subnet or SSH port.
    """
    if recorded is None:
        return asked
    fixed = (
        ("release", recorded.release, asked.release),
        ("subnet", recorded.subnet, asked.subnet or recorded.subnet),
        ("NAT", recorded.nat, asked.nat or recorded.nat),
        ("mtu", recorded.mtu, asked.mtu or recorded.mtu),
        ("ssh port", recorded.ssh_port, asked.ssh_port if asked.ssh_port is not None else recorded.ssh_port),
    )
    found = [
        Problem("lab", what, f"the lab was made with {has}, not {wants}") for what, has, wants in fixed if has != wants
    ]
    if found:
        raise LabError(f"the lab {asked.name} exists and is different", found, hint="take it down first (lab down)")
    return replace(
        asked,
        control_planes=max(recorded.control_planes, asked.control_planes),
        workers=max(recorded.workers, asked.workers),
        subnet=recorded.subnet,
        ssh_port=recorded.ssh_port,
        nat=recorded.nat,
        mtu=recorded.mtu,
        kubernetes=asked.kubernetes or recorded.kubernetes,
    )
