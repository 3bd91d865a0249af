"""The state of one host: the output of `look.sh`, which runs there, parsed. Pure except reading the script.

Missing things are empty values; only output that is not the script's is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files

SCRIPT = files(__package__).joinpath("look.sh").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit: `active` such as active/running, `file` such as enabled; both empty when there is none."""

    active: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Inode:
    """A file or directory: mode bits, `user:group`, kind as find prints it (f, d, l)."""

    mode: int
    owner: str
    kind: str


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the main table; `via` is empty for a directly connected network."""

    destination: str
    via: str


@dataclass(frozen=True, slots=True)
class Decided:
    """The recorded decision about the node's network: interface, address with prefix, and MTU in bytes."""

    interface: str
    address: str
    mtu: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One host. Lines that come from many files are pairs of (path, line).

    `cgroup_drivers` are pairs of a runtime, or `pods` for what the kernel shows, and the driver; `addresses` are pairs
    of an interface and one of its addresses; `packet_bytes` is the MTU by interface.
    """

    clock_s: float
    is_root: bool
    hostname: str
    packages: dict[str, str]
    binaries: dict[str, str]
    holds: frozenset[str]
    units: dict[str, Unit]
    cgroup_drivers: tuple[tuple[str, str], ...]
    sysctls: dict[str, str]
    sysctl_files: tuple[tuple[str, str], ...]
    loaded_modules: frozenset[str]
    filesystems: frozenset[str]
    modules_at_boot: frozenset[str]
    swaps: tuple[str, ...]
    fstab_swaps: tuple[str, ...]
    listening: frozenset[int]
    files: dict[str, Inode]
    certificates: dict[str, str]
    healthz: str
    readyz: str
    plug_ins: frozenset[str]
    cni_files: dict[str, str]
    routes: tuple[Route, ...]
    enabled: frozenset[str]
    route_files: tuple[tuple[str, str], ...]
    unit_files: tuple[tuple[str, str], ...]
    addresses: tuple[tuple[str, str], ...] = ()
    packet_bytes: Mapping[str, int] = field(default_factory=dict)
    decided: Decided | None = None

    @property
    def well(self) -> bool:
        """The kubelet reports that it is healthy."""
        return self.healthz == "ok"


def pod_prefix(pod_cidr: str) -> str:
    """How every address of an IPv4 network begins, in whole octets: `10.244.` for 10.244.0.0/16."""
    address, _, length = pod_cidr.partition("/")
    return "".join(f"{octet}." for octet in address.split(".")[: int(length) // 8])


def sections(text: str, separator: str) -> dict[str, str]:
    """Split the script's output at its `separator name` lines; ValueError when the end is missing."""
    parts = re.split(rf"^{re.escape(separator)} (\S+)\n", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    if "end" not in found:
        raise ValueError("the host's answer is incomplete")
    return found


def read(text: str, separator: str) -> Seen:
    """Parse the script's output; ValueError when it is something else."""
    part = sections(text, separator)
    lines = {name: tuple(line for line in body.splitlines() if line.strip()) for name, body in part.items()}
    return Seen(
        clock_s=float(part["clock"]),
        is_root=part["user"].strip() == "0",
        hostname=part["hostname"].strip(),
        packages=packages(lines["packages"]),
        binaries=binaries(lines["programs"]),
        holds=frozenset(lines["holds"]),
        units=units(part["units"]),
        cgroup_drivers=drivers(lines["cgroup-drivers"]),
        sysctls=sysctls(lines["sysctls"]),
        sysctl_files=with_paths(lines["sysctl-files"]),
        loaded_modules=first_words(lines["modules"]),
        filesystems=frozenset(line.split()[-1] for line in lines["filesystems"]),
        modules_at_boot=first_words(line for line in lines["module-files"] if not line.lstrip().startswith(("#", ";"))),
        swaps=tuple(line.split()[0] for line in lines["swaps"]),
        fstab_swaps=fstab_swaps(lines["fstab"]),
        listening=frozenset(int(line.split()[3].rpartition(":")[2]) for line in lines["listening"]),
        files=inodes(lines["files"]),
        certificates=certificates(part["certificates"]),
        healthz=part["healthz"].strip(),
        readyz=part["readyz"].strip(),
        plug_ins=frozenset(lines["plug-ins"]),
        cni_files=joined(with_paths(lines["cni"])),
        routes=tuple(route(line) for line in lines["routes"]),
        enabled=first_words(lines["enabled"]),
        route_files=with_paths(lines["route-files"]),
        unit_files=with_paths(lines["unit-files"]),
        addresses=tuple((row[1], row[3]) for row in map(str.split, lines["addresses"])),
        packet_bytes={path.split("/")[4]: int(size) for path, size in with_paths(lines["packet-sizes"])},
        decided=decided(part["network-record"]),
    )


def decided(text: str) -> Decided | None:
    """The network record; None when it is missing or cannot be read."""
    try:
        record = json.loads(text)
        return Decided(str(record["interface"]), str(record["address"]), int(record["mtu"]))
    except (ValueError, KeyError, TypeError):
        return None


def first_words(lines: Iterable[str]) -> frozenset[str]:
    """The first word of each line."""
    return frozenset(line.split()[0] for line in lines)


def packages(lines: tuple[str, ...]) -> dict[str, str]:
    """`{name: version}` of what is installed, from lines of name, status, version."""
    rows = (line.split() for line in lines)
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "installed"}


def binaries(lines: tuple[str, ...]) -> dict[str, str]:
    """`{kubelet: 1.20.2}` from what binaries without a package report."""
    rows = (line.split() for line in lines)
    return {row[0]: row[1] for row in rows if len(row) == 2}


def drivers(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """`(docker, systemd)` from `docker systemd`; a runtime that reports nothing is left out."""
    rows = (line.split() for line in lines)
    return tuple((row[0], row[1]) for row in rows if len(row) == 2)


def units(text: str) -> dict[str, Unit]:
    """`{kubelet.service: Unit}` from the blocks of `systemctl show`."""
    blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.strip().split("\n\n"))
    known = (block for block in blocks if block.get("LoadState") == "loaded")
    return {
        block["Id"]: Unit(f"{block['ActiveState']}/{block['SubState']}", block.get("UnitFileState", ""))
        for block in known
    }


def sysctls(lines: tuple[str, ...]) -> dict[str, str]:
    """`{net.ipv4.ip_forward: 1}` from lines of `/proc/sys/net/ipv4/ip_forward:1`."""
    return {path.removeprefix("/proc/sys/").replace("/", "."): value.strip() for path, value in with_paths(lines)}


def with_paths(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of (path, line) from what `grep -H` prints."""
    return tuple((path, line) for path, colon, line in (line.partition(":") for line in lines) if colon)


def joined(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """`{path: text}` from pairs of (path, line)."""
    found: dict[str, str] = {}
    for path, line in pairs:
        found[path] = f"{found.get(path, '')}{line}\n"
    return found


def fstab_swaps(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The devices on which /etc/fstab turns swap on at boot."""
    rows = (line.split() for line in lines if not line.lstrip().startswith("#"))
    return tuple(row[0] for row in rows if len(row) > 2 and row[2] == "swap")


def inodes(lines: tuple[str, ...]) -> dict[str, Inode]:
    """`{path: Inode}` from lines of mode, owner, kind, path."""
    rows = (line.split(" ", 3) for line in lines)
    return {path: Inode(int(mode, 8), owner, kind) for mode, owner, kind, path in rows}


def certificates(text: str) -> dict[str, str]:
    """`{path: PEM}`."""
    parts = re.split(r"^file (\S+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def route(line: str) -> Route:
    """`10.244.1.0/24 via 172.30.0.11 dev eth0` as a value."""
    words = line.split()
    return Route(words[0], words[words.index("via") + 1] if "via" in words else "")
