"""dpkg and apt: versions, holds, which process uses them, and the states between "missing" and "installed"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provisioner.core.command import Command
from provisioner.sources.bundle_access import APT_MIRRORS
from tests.builders import PACKAGES
from tests.fake import repositories, services
from tests.fake.background import pass_moment
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.state import FakePackage, Machine

# What the bundle's repository has.
REPOSITORY = {**PACKAGES, "netbase": "6.4", "tini": "0.19.0-1"}
# What packages bring that others ask for. A package's unit lies in /lib.
FILES = {
    "containerd": ("/lib/systemd/system/containerd.service",),
    "containerd.io": ("/lib/systemd/system/containerd.service",),
    "docker.io": ("/lib/systemd/system/docker.service",),
    "docker-ce": ("/lib/systemd/system/docker.service",),
    "kubelet": ("/lib/systemd/system/kubelet.service",),
}
JOURNAL = "/var/lib/dpkg/updates/0001"
# The second letter of dpkg's short status; a package that must be installed again has an R behind it.
LETTERS = {"installed": "i ", "unpacked": "U ", "half-configured": "F ", "half-installed": "HR"}
INTERRUPTED = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."


def holder(machine: Machine) -> str:
    """Which process uses the packages."""
    busy = machine.packages_busy_until_s > machine.clock.now_s
    return f"{machine.packages_busy_with} (process 4711)" if busy else ""


def _status(package: FakePackage) -> str:
    return f"{'h' if package.held else 'i'}{LETTERS[package.state]}"


def _packages(machine: Machine, command: Command, *names: str) -> str:
    lock = [f"lock: {holder(machine)}\n"] if holder(machine) else []
    known = ((name, machine.packages[name]) for name in names if name in machine.packages)
    return "".join([*lock, *(f"{name} {_status(package)} {package.version}\n" for name, package in known)])


def _database(machine: Machine, command: Command) -> str:
    if holder(machine):
        return ""
    wrong = [(name, package) for name, package in machine.packages.items() if package.state != "installed"]
    lines = [f"{_status(package)} {name}\n" for name, package in wrong]
    return "".join([*lines, *(["journal 0001\n"] if JOURNAL in machine.files else [])])


def _free(machine: Machine, command: Command, deadline: str) -> Moments:
    lines: list[str] = []
    for waited in range(int(deadline) + 1):
        if not holder(machine):
            return "".join(lines)
        if waited % 5 == 0:
            lines.append(f"waiting until {holder(machine)} is done with the packages ({waited} s)\n")
        pass_moment(machine)
        yield
    return failed(1, f"gave up after {deadline} s of waiting until {holder(machine)} is done with the packages")


def apt(machine: Machine, words: Sequence[str]) -> Answer | Moments:
    """`apt-get OPTIONS VERB ...`, the program's name left out."""
    options = dict(word.split("=", 1) for word in words if word.startswith("-oDir"))
    verb, *names = [word for word in words if not word.startswith("-")]
    lists = options.get("-oDir::State::Lists", repositories.LISTS)
    source = options.get("-oDir::Etc::SourceList", "/dev/null")
    if verb == "update":
        return _update(machine, lists) if source == "/dev/null" else repositories.update(machine, source)
    if verb == "remove":
        return _remove(machine, names)
    assert verb == "install", words
    desired = dict((name if "=" in name else f"{name}=1").split("=", 1) for name in names)
    assert all(re.fullmatch(r"[a-z0-9][-a-z0-9.+]+", name) for name in desired), words
    if holder(machine):
        return failed(100, f"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by {holder(machine)}")
    if JOURNAL in machine.files:
        return failed(100, INTERRUPTED)
    bundled = lists != repositories.LISTS and machine.there(lists) and machine.there(APT_MIRRORS)
    there = set(REPOSITORY.items()) if bundled else repositories.offered(machine)
    for name, version in desired.items():
        if (name, version) not in there:
            return failed(100, f"E: Version '{version}' for '{name}' was not found")
    return _install(machine, desired)


def _update(machine: Machine, lists: str) -> Moments:
    # Sources that cannot be reached are no failure for `apt-get update`, only a warning.
    if machine.there(APT_MIRRORS):
        machine.put(f"{lists}/partial")
        yield
        machine.move(f"{lists}/partial", f"{lists}/Packages")
    return ""


def _remove(machine: Machine, names: Sequence[str]) -> Moments:
    for name in names:
        for path in FILES.get(name, ()):
            machine.drop(path)
        machine.packages.pop(name, None)
        yield
    return ""


def _install(machine: Machine, desired: dict[str, str]) -> Moments:
    machine.put(JOURNAL)
    for name, version in desired.items():
        held = name in machine.packages and machine.packages[name].held
        machine.packages[name] = FakePackage(version, "half-installed", held)
        yield
        for path in FILES.get(name, ()):
            machine.put(path, f"the unit of {name} {version}\n")
        machine.packages[name].state = "unpacked"
        yield
    yield from _configure(machine)
    machine.drop(JOURNAL)
    return ""


def _configure(machine: Machine) -> Moments:
    for name, package in machine.packages.items():
        if package.state not in ("unpacked", "half-configured"):
            continue
        package.state = "half-configured"
        yield
        # The package's own script; it may run again.
        yield from _set_up(machine, name)
        package.state = "installed"
        machine.clock.tick()
        yield
    return ""


def _set_up(machine: Machine, name: str) -> Moments:
    for path in FILES.get(name, ()):
        unit = path.rpartition("/")[2]
        services.unit(machine, unit).enabled = True
        services.reload(machine)
        if unit in services.RUNTIMES.values():
            yield from services.restart(machine, unit)
    return ""


def _repair(machine: Machine, command: Command, source: str, options: str, *names: str) -> Moments:
    """`dpkg --configure --pending` leaves what is half-installed to apt, which must have a source for it."""
    machine.put(JOURNAL)
    yield from _configure(machine)
    machine.drop(JOURNAL)
    bad = {name: one.version for name, one in machine.packages.items() if one.state == "half-installed"}
    exact = dict(name.partition("=")[::2] for name in names)
    assert bad.keys() <= exact.keys(), "packages that were not named are half-installed"
    bad = {name: exact[name] or version for name, version in bad.items()}
    if not bad:
        return ""
    bundled = machine.there(source) and machine.there(APT_MIRRORS)
    if not bundled and not bad.items() <= repositories.offered(machine):
        return failed(100, f"E: The package {next(iter(bad))} needs to be reinstalled, but I can't find an archive")
    return (yield from _install(machine, bad))


def hold(machine: Machine, *names: str) -> Moments:
    """`apt-mark hold`."""
    for name in names:
        machine.packages[name].held = True
        machine.clock.tick()
        yield
    return ""


SCRIPTS: dict[str, Handler] = {
    **repositories.SCRIPTS,
    "packages": _packages,
    "installed": _packages,
    "database": _database,
    "packages_free": _free,
    "repair": _repair,
}
