"""Repositories that the simulated machines can reach, and what asking them and fetching their lists brings."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from provisioner.core.command import Command
from provisioner.sources import keys
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.state import Machine

LISTS = "/var/lib/apt/lists"
SOURCES = "/etc/apt/sources.list.d"
# Of the distribution itself, at whatever version; what else it has is the repository of this name.
DISTRIBUTION = "distribution"
TOOLS = ("conntrack", "ebtables", "ethtool", "iproute2", "iptables", "socat")


@dataclass
class FakeRepository:
    """One repository at `ADDRESS SUITE`: versions by package, its key and where that is fetched, and its mood."""

    key: str
    key_url: str
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str = ""
    asked: int = 0


def _of(machine: Machine, definition: str) -> FakeRepository | None:
    if not definition:
        return machine.repositories.get(DISTRIBUTION)
    uri, suite = (re.search(rf"^{word}: (\S+)$", definition, re.MULTILINE) for word in ("URIs", "Suites"))
    return machine.repositories.get(f"{uri[1]} {suite[1]}") if uri and suite else None


def _rows(machine: Machine, repository: FakeRepository) -> list[str]:
    return [f"{name} {version}" for name, versions in repository.packages.items() for version in versions]


def digest(row: str) -> str:
    """The hash of a package's file, short but distinct."""
    return row.encode().hex()[-64:].rjust(64, "0")


def _ask(machine: Machine, command: Command, key_url: str, definition: str, names: str, *options: str) -> str:
    found = _of(machine, definition)
    if found is None:
        return f"=== apt\nE: Failed to fetch {key_url or definition}  404  Not Found [IP: 192.0.2.1 443]\n"
    found.asked += 1
    if key_url != found.key_url and key_url:
        return f"=== apt\nE: Failed to fetch {key_url}  404  Not Found [IP: 192.0.2.1 443]\n"
    key = found.key if key_url else str(command.stdin)
    told = f"=== apt\n{found.trouble}=== key\n{base64.b64encode(key.encode()).decode()}\n=== packages\n"
    desired = names.split()
    rows = [] if found.trouble else [row for row in _rows(machine, found) if row.split()[0] in desired]
    return told + "".join(f"{row} {digest(row)}\n" for row in rows)


def update(machine: Machine, source: str) -> Answer | Moments:
    """`apt-get update` of one source: its key has to be readable for all users."""
    definition = machine.read(source)
    found = _of(machine, definition)
    key = machine.files.get(definition.partition("Signed-By: ")[2].strip())
    if found is None or found.trouble:
        return failed(100, f"E: Failed to fetch {source}  404  Not Found")
    if key is None or key.mode != "644" or keys.found(key.text) != keys.found(found.key):
        return failed(100, "W: GPG error: NO_PUBKEY 234654DA9A296436")
    return _updated(machine, source, found)


def _updated(machine: Machine, source: str, found: FakeRepository) -> Moments:
    place = f"{LISTS}/{source.rpartition('/')[2]}_Packages"
    machine.put(f"{LISTS}/partial/{place.rpartition('/')[2]}")
    yield
    machine.put(place, "\n".join(_rows(machine, found)))
    machine.drop(f"{LISTS}/partial")
    return ""


def offered(machine: Machine) -> set[tuple[str, str]]:
    """What the machine's lists know: (package, version)."""
    texts = [machine.read(path) for path in machine.below(LISTS)]
    rows = (line.partition(" ")[::2] for text in texts for line in text.splitlines())
    return {(name, version) for name, version in rows}


def _renewed(machine: Machine, command: Command, *packages: str) -> Moments:
    """The distribution's lists are fetched where they are missing."""
    place = f"{LISTS}/distribution_Packages"
    if place not in machine.files:
        yield
        more = machine.repositories.get(DISTRIBUTION)
        machine.put(place, "\n".join([*(f"{name} 1" for name in TOOLS), *(_rows(machine, more) if more else [])]))
    return ""


def _same_files(machine: Machine, command: Command, *words: str) -> Answer:
    for package, expected in zip(words[::2], words[1::2], strict=True):
        if digest(package.replace("=", " ")) != expected:
            return failed(1, f"{package}: the source has another file now: SHA-256 x, expected {expected}")
    return ""


def _others(machine: Machine, own: str, marks: str) -> list[tuple[str, str]]:
    files = ["/etc/apt/sources.list", *(path for path in machine.below(SOURCES) if path != own)]
    lines = ((path, line) for path in files for line in machine.read(path).splitlines())
    return [(path, line) for path, line in lines if any(mark in line for mark in marks.split("|"))]


def _other_sources(machine: Machine, command: Command, own: str, marks: str) -> str:
    return "".join(f"{path}: {line}\n" for path, line in _others(machine, own, marks))


def _other_sources_gone(machine: Machine, command: Command, own: str, marks: str) -> Moments:
    for path in dict.fromkeys(path for path, _ in _others(machine, own, marks)):
        machine.drop(path)
        yield
    return ""


SCRIPTS: dict[str, Handler] = {
    "ask": _ask,
    "renewed": _renewed,
    "same_files": _same_files,
    "other_sources": _other_sources,
    "other_sources_gone": _other_sources_gone,
}
