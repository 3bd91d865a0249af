"""What the simulated machines are: plain data that can be copied at any moment, and compared afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError
from tests.builders import NOW_S
from tests.fake.cluster import FakeCluster

if TYPE_CHECKING:
    from tests.fake.repositories import FakeRepository

TICK_S = 0.01
# Where a unit's file may lie, the administrator's place first.
UNIT_PLACES = ("/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")


@dataclass
class Clock:
    """The one time of a world, in seconds since 1970; every effect takes a moment."""

    now_s: float = NOW_S

    def tick(self) -> float:
        """A moment passes; the time it is then."""
        self.now_s = round(self.now_s + TICK_S, 2)
        return self.now_s


@dataclass
class FakeFile:
    """A file, and when it was written."""

    text: str
    mode: str = "644"
    owner: str = "root:root"
    written_s: float = 0.0


@dataclass
class FakePackage:
    """A package as dpkg knows it: `unpacked`, `half-configured`, `half-installed` or `installed`."""

    version: str
    state: str = "installed"
    held: bool = False


@dataclass
class FakeUnit:
    """A systemd unit: when it started, what its unit file said then, and with which files its process runs."""

    enabled: bool = False
    active: bool = False
    started_s: float = 0.0
    loaded: str = ""
    reload_needed: bool = False
    runs_with: dict[str, str] = field(default_factory=dict)


@dataclass
class Machine:
    """One machine. `trouble` maps a part of a command to what goes wrong with it: an exit code, or an error.

    `nics` are its interfaces, each with address and MTU, eth0 alone when nothing is said; `links` are those that a
    network plug-in has made, by name with their address; `known_routes` are others' networks by interface; no machine
    reaches the addresses in `cut_off`, and no packet that is larger than `path_mtu` passes. Packets for the ports in
    `filtered` (`TCP 6443`) are dropped, to and from the machine.
    """

    name: str
    address: str
    clock: Clock
    cluster: FakeCluster
    fleet: dict[str, Machine] = field(default_factory=dict)
    up: bool = True
    files: dict[str, FakeFile] = field(default_factory=dict)
    packages: dict[str, FakePackage] = field(default_factory=dict)
    units: dict[str, FakeUnit] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    containers: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=lambda: {"net.ipv4.ip_forward": "0"})
    swap: set[str] = field(default_factory=set)
    routes: set[str] = field(default_factory=set)
    nics: dict[str, tuple[str, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    known_routes: dict[str, str] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    path_mtu: int = 65535
    filtered: set[str] = field(default_factory=set)
    has_ping: bool = True
    has_perl: bool = True
    firewall: bool = False
    firewalls: list[str] = field(default_factory=list)
    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    packages_busy_with: str = ""
    packages_busy_until_s: float = 0.0
    busy_with: str = ""
    busy_until_s: float = 0.0
    trouble: dict[str, int | ProvisionerError] = field(default_factory=dict)

    @property
    def interfaces(self) -> dict[str, tuple[str, int]]:
        """Its interfaces, each with address and MTU."""
        return self.nics or {"eth0": (f"{self.address}/24", 1500)}

    def put(self, path: str, text: str = "", mode: str = "644", owner: str = "root:root") -> None:
        """Write a file now; systemd notices when it is the file of a unit that it has loaded."""
        self.files[path] = FakeFile(text, mode, owner, self.clock.tick())
        unit = self.units.get(path.rpartition("/")[2])
        if unit and path.startswith(UNIT_PLACES):
            unit.reload_needed = True

    def move(self, path: str, to: str) -> None:
        """Rename a file; what it is and when it was written stays."""
        file = self.files.pop(path)
        self.put(to, file.text, file.mode, file.owner)
        self.files[to].written_s = file.written_s

    def drop(self, path: str) -> None:
        """Remove a file or everything below a directory."""
        self.clock.tick()
        for name in list(self.below(path)):
            del self.files[name]

    def below(self, path: str) -> Iterator[str]:
        """The file of that path, or the files below it."""
        return (name for name in self.files if name == path or name.startswith(f"{path}/"))

    def there(self, path: str) -> bool:
        """Whether such a file or directory exists."""
        return any(self.below(path))

    def read(self, path: str) -> str:
        """The text of a file, or nothing."""
        file = self.files.get(path)
        return file.text if file else ""

    def has(self, *packages: str) -> bool:
        """Whether the programs of these packages exist: unpacked is enough."""
        return all(self._has(name) for name in packages)

    def _has(self, name: str) -> bool:
        package = self.packages.get(name)
        program = "crictl" if name == "cri-tools" else name
        return f"/usr/bin/{program}" in self.files or (package is not None and package.state != "half-installed")

    def unit_file(self, unit: str) -> str | None:
        """Where that unit's file lies."""
        return next((place + unit for place in UNIT_PLACES if place + unit in self.files), None)

    def runs(self, unit: str) -> bool:
        """Whether that unit is active."""
        return unit in self.units and self.units[unit].active
