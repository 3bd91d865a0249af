"""Hands on a simulated machine: straight into its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from provisioner.core.command import Command
from tests.fake import kernel, power, programs, services
from tests.fake.state import FakePackage, Machine


@dataclass(frozen=True)
class FakeHands:
    """Straight into the state."""

    machine: Machine

    def put(self, path: str, text: str, mode: str = "644", owner: str = "root:root") -> None:
        self.machine.put(path, text, mode, owner)

    def remove(self, path: str) -> None:
        self.machine.drop(path)

    def read(self, path: str) -> str:
        return self.machine.read(path)

    def head(self, path: str) -> str:
        file = self.machine.files.get(path)
        return f"{file.mode} {file.owner}" if file else ""

    def names(self, directory: str) -> set[str]:
        return {path.removeprefix(f"{directory}/").partition("/")[0] for path in self.machine.below(directory)}

    def age(self, path: str, seconds: int) -> None:
        self.machine.files[path].written_s -= seconds

    def leave_running(self, seconds: int) -> None:
        self.machine.busy_with = f"sleep {seconds}"
        self.machine.busy_until_s = self.machine.clock.now_s + seconds

    def stop(self, unit: str) -> None:
        services.stop(self.machine, unit)

    def kill(self, unit: str) -> None:
        services.stop(self.machine, unit)

    def disable(self, unit: str) -> None:
        services.unit(self.machine, unit).enabled = False

    def started(self, unit: str) -> str:
        return str(services.unit(self.machine, unit).started_s)

    def set(self, setting: str, value: str) -> None:
        list(kernel.set_settings(self.machine, f"{setting}={value}"))

    def unhold(self, package: str) -> None:
        self.machine.packages[package].held = False

    def purge(self, package: str) -> None:
        self.machine.packages.pop(package, None)

    def half_install(self, package: str, version: str) -> None:
        self.machine.packages[package] = FakePackage(version, "half-installed")

    def half_configure(self, package: str) -> None:
        self.machine.packages[package].state = "half-configured"

    def occupy_packages(self, seconds: int) -> None:
        self.machine.packages_busy_with = "flock"
        self.machine.packages_busy_until_s = self.machine.clock.now_s + seconds

    def kill_when(self, command: Command, path: str) -> None:
        for _ in programs.run(self.machine, command):
            if self.machine.there(path):
                return
        raise AssertionError(f"{path} never appeared")

    def trace(self) -> str:
        return str(self.machine.files)

    def stop_api(self) -> None:
        self.stop(services.KUBELET)
        self.machine.cluster.api = "down"

    def later(self) -> None:
        self.machine.clock.tick()

    def reboot(self) -> None:
        power.reboot(self.machine)

    @contextmanager
    def neighbour(self, address: str, *swallowed: str) -> Iterator[None]:
        fleet, mine = self.machine.fleet, self.machine
        fleet["neighbour"] = Machine("neighbour", address, mine.clock, mine.cluster, fleet, filtered=set(swallowed))
        try:
            yield
        finally:
            del fleet["neighbour"]

    def cut(self) -> None:
        self.machine.up = False

    def fix(self) -> None:
        self.machine.up = True
