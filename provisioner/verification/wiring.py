"""How a host's network is wired: the output of `wiring.sh`, which runs there, parsed. Pure but for reading it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from provisioner.verification.firewall import Table, tables
from provisioner.verification.seen import sections, sysctls

SCRIPT = files(__package__).joinpath("wiring.sh").read_text(encoding="utf-8")
_RP_FILTER = re.compile(r"net\.ipv4\.conf\.(.+)\.rp_filter")


@dataclass(frozen=True, slots=True)
class Link:
    """A network device; `vxlan_port` is 0 for one that is not a VXLAN. `sent` and `received` count packets."""

    name: str
    mtu_bytes: int
    mac: str = ""
    vni: int = 0
    vxlan_port: int = 0
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """The route to an address; `via` is empty for an address that is directly connected."""

    device: str
    via: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where a VXLAN device or bridge sends frames for a MAC address; `to` is a host's address, or empty."""

    mac: str
    device: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Wiring:
    """One host. `addresses` are its devices by address; `ways` the routes to the targets that were asked, by name."""

    tables: tuple[Table, ...] = ()
    forwards: bool = True
    rp_filters: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    fdb: tuple[Forwarding, ...] = ()
    ways: Mapping[str, Way] = field(default_factory=dict)
    proxies: frozenset[str] = frozenset()
    proxy_health: str = ""
    cni_files: frozenset[str] = frozenset()
    api_server: str = ""

    @property
    def vxlans(self) -> tuple[Link, ...]:
        """Its VXLAN devices."""
        return tuple(link for link in self.links.values() if link.vxlan_port)

    def rp_filter(self, device: str) -> int:
        """The value that applies: the higher one of the device's and `all`; kernel.org, ip-sysctl."""
        return max(self.rp_filters.get("all", 0), self.rp_filters.get(device, 0))


def read(text: str, separator: str) -> Wiring:
    """Parse the script's output; ValueError when it is something else."""
    part = sections(text, separator)
    lines = {name: tuple(line for line in body.splitlines() if line.strip()) for name, body in part.items()}
    settings = sysctls(lines["sysctls"])
    devices = ((_RP_FILTER.fullmatch(name), value) for name, value in settings.items())
    return Wiring(
        tables=tables(lines["firewall"]),
        forwards=settings.get("net.ipv4.ip_forward") == "1",
        rp_filters={match[1]: int(value) for match, value in devices if match},
        links={found.name: found for found in map(link, lines["links"])},
        addresses=addresses(lines["addresses"]),
        fdb=tuple(forwarding(line) for line in lines["fdb"]),
        ways=ways(lines["ways"]),
        proxies=frozenset(lines["proxies"]),
        proxy_health=part["proxy-health"].strip(),
        cni_files=frozenset(lines["cni"]),
        api_server=part["api-server"].strip(),
    )


def link(line: str) -> Link:
    """A line of `ip -o -d -s link show` as a value: its parts are divided by backslashes, counters come last."""
    mac = re.search(r"link/\S+ ([0-9a-f:]{17})", line)
    vxlan = re.search(r"vxlan id (\d+) .*?dstport (\d+)", line)
    return Link(
        name=line.split(":")[1].strip().partition("@")[0],
        mtu_bytes=_number(r" mtu (\d+)", line),
        mac=mac[1] if mac else "",
        vni=int(vxlan[1]) if vxlan else 0,
        vxlan_port=int(vxlan[2]) if vxlan else 0,
        sent=_number(r"TX: .*?\\\s*\d+\s+(\d+)", line),
        received=_number(r"RX: .*?\\\s*\d+\s+(\d+)", line),
    )


def _number(pattern: str, line: str) -> int:
    match = re.search(pattern, line)
    return int(match[1]) if match else 0


def addresses(lines: Iterable[str]) -> dict[str, str]:
    """`{172.30.0.11: eth0}` from lines of `ip -o -4 address show`."""
    rows = (line.split() for line in lines)
    return {row[3].partition("/")[0]: row[1] for row in rows if len(row) > 3}


def forwarding(line: str) -> Forwarding:
    """`ea:01:... dev flannel.1 dst 172.30.0.12 self permanent` as a value."""
    words = line.split()
    return Forwarding(words[0], _after("dev", words), _after("dst", words))


def ways(lines: Iterable[str]) -> dict[str, Way]:
    """Ways by name from lines such as `w2 10.244.2.0/24 via 172.30.0.12 dev eth0`; a name alone has no route."""
    rows = (line.split() for line in lines)
    return {row[0]: Way(_after("dev", row), _after("via", row), row[1] == "default") for row in rows if len(row) > 1}


def _after(word: str, words: list[str]) -> str:
    return words[words.index(word) + 1] if word in words[:-1] else ""
