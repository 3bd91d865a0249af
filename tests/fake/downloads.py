"""Servers with binaries and their checksums, and what asking them and fetching from them brings.

Each is a repository whose address is what the inventory says; its `trouble` is what apt-helper says of all its files.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.core.command import Command
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.repositories import FakeRepository, digest
from tests.fake.state import Machine

# What is in the archives; everything else is a program itself.
ARCHIVES = {"kubernetes-cni": ("bridge", "host-local", "loopback", "portmap"), "cri-tools": ("crictl",)}
ARCHITECTURE = "amd64"


def _at(machine: Machine, url: str) -> FakeRepository | None:
    return next((one for address, one in machine.repositories.items() if url.startswith(f"{address}/")), None)


def _missing(url: str) -> str:
    return f"E: Failed to fetch {url}  404  Not Found [IP: 192.0.2.1 443]\n"


def _ask(machine: Machine, command: Command, *words: str) -> str:
    url, series, _, architecture, _, rows, *_ = words
    trouble, told = "", ""
    for name, version, place in (row.split() for row in rows.splitlines()):
        found = _at(machine, place)
        if found is None or found.trouble:
            trouble += found.trouble if found else _missing(f"{place}.sha256")
        elif version in found.packages.get(name, ()) and architecture == ARCHITECTURE:
            told += f"{name} {version} {digest(f'{name} {version}')}\n"
        elif not place.startswith(f"{url}/"):
            trouble += _missing(f"{place}.sha256")
        elif architecture == ARCHITECTURE:
            told += "".join(f"{name} {other}\n" for other in _last_of(found, name, series))
    for repository in {
        id(one): one for one in (_at(machine, row.split()[2]) for row in rows.splitlines()) if one
    }.values():
        repository.asked += 1
    return f"=== apt\n{trouble}=== packages\n{'' if trouble or architecture != ARCHITECTURE else told}"


def _last_of(found: FakeRepository, name: str, series: str) -> Iterator[str]:
    of_series = [version for version in found.packages.get(name, ()) if version.startswith(f"{series}.")]
    yield from of_series[-1:]


def _probe(machine: Machine, command: Command, notes: str, name: str) -> str:
    note, lines = machine.read(f"{notes}/{name}"), []
    if machine.there(f"{notes}/.{name}"):
        lines.append("an installation that was cut off\n")
    if not note:
        return "".join([*lines, "absent\n"])
    first, *paths = note.splitlines()
    lines.append(f"{first}\n")
    for path in paths:
        file = machine.files.get(path)
        if file is None or file.text != first:
            lines.append(f"{path}: FAILED\n")
        if file is None or file.mode != "755":
            lines.append(f"{path}: not 755 root:root\n")
    return "".join(lines)


def _install(machine: Machine, command: Command, *words: str) -> Answer | Moments:
    notes, name, version, expected, url, into = words
    found = _at(machine, url)
    if found is None or found.trouble or version not in found.packages.get(name, ()):
        return failed(100, found.trouble if found and found.trouble else _missing(url))
    if digest(f"{name} {version}") != expected:
        return failed(100, f"E: Failed to fetch {url}  Hash Sum mismatch")
    return _put(machine, f"{notes}/", f"{name} {version} {expected}", into)


def _put(machine: Machine, notes: str, noted: str, into: str) -> Moments:
    name = noted.split(maxsplit=1)[0]
    work, files = f"{notes}.{name}", ARCHIVES.get(name, (name,))
    machine.drop(work)
    machine.put(f"{work}/download")
    yield
    for file in files:
        new = f"{into}/.{file}.provisioner"
        machine.put(new, mode="600")
        yield
        machine.put(new, noted, "755")
        yield
        machine.move(new, f"{into}/{file}")
        yield
    machine.put(f"{work}/note")
    yield
    machine.put(f"{notes}{name}", "\n".join([noted, *(f"{into}/{file}" for file in files)]))
    yield
    machine.drop(work)
    return ""


SCRIPTS: dict[str, Handler] = {"ask_programs": _ask, "program": _probe, "install_program": _install}
