"""What a test does to a machine beside our commands, and what it sees of it: by hand, on a fake and on a real one."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from shlex import quote
from typing import Protocol

from provisioner.core.command import Command
from provisioner.transports.protocol import Transport
from tests.fake import kernel, programs, services
from tests.fake.state import FakePackage, Machine


class Hands(Protocol):
    """Everything takes effect at once; what is not there is no error."""

    def put(self, path: str, text: str, mode: str = "644", owner: str = "root:root") -> None: ...
    def remove(self, path: str) -> None: ...
    def read(self, path: str) -> str: ...
    def head(self, path: str) -> str:
        """`644 root:root`, or nothing where no file is."""

    def names(self, directory: str) -> set[str]:
        """The files in a directory, hidden ones too."""

    def stop(self, unit: str) -> None: ...
    def kill(self, unit: str) -> None: ...
    def disable(self, unit: str) -> None: ...
    def started(self, unit: str) -> str:
        """Tells one life of its process from the next."""

    def set(self, setting: str, value: str) -> None: ...
    def unhold(self, package: str) -> None: ...
    def purge(self, package: str) -> None: ...
    def half_install(self, package: str, version: str) -> None:
        """As if the power had gone while dpkg unpacked it."""

    def half_configure(self, package: str) -> None:
        """As if it had gone while dpkg configured it."""

    def occupy_packages(self, seconds: int) -> None:
        """Another program holds dpkg's lock for so long."""

    def kill_when(self, command: Command, path: str) -> None:
        """Run the command and kill it as soon as that file is there."""

    def stop_api(self) -> None:
        """Stop the kubelet and the API server."""

    def later(self) -> None:
        """Let so much time pass that a file written now is newer than what has started."""

    def cut(self) -> None:
        """The machine does not answer any more."""

    def mend(self) -> None:
        """It does again."""


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

    def stop_api(self) -> None:
        self.stop(services.KUBELET)
        self.machine.cluster.api = "down"

    def later(self) -> None:
        self.machine.clock.tick()

    def cut(self) -> None:
        self.machine.up = False

    def mend(self) -> None:
        self.machine.up = True


@dataclass(frozen=True)
class RealHands:
    """A shell in the machine's container, beside SSH."""

    container: str
    transport: Transport

    def shell(self, script: str) -> str:
        """What the script prints; it must not fail."""
        argv = ["docker", "exec", "-i", self.container, "sh", "-eu"]
        done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def put(self, path: str, text: str, mode: str = "644", owner: str = "root:root") -> None:
        place = quote(path)
        self.shell(f"mkdir -p $(dirname {place}); printf %s {quote(text)} >{place}")
        self.shell(f"chown {owner} {place}; chmod {mode} {place}")

    def remove(self, path: str) -> None:
        self.shell(f"rm -rf {quote(path)}")

    def read(self, path: str) -> str:
        return self.shell(f"cat {quote(path)} 2>/dev/null || :")

    def head(self, path: str) -> str:
        return self.shell(f"stat -c '%a %U:%G' {quote(path)} 2>/dev/null || :").strip()

    def names(self, directory: str) -> set[str]:
        return set(self.shell(f"ls -A {quote(directory)} 2>/dev/null || :").splitlines())

    def stop(self, unit: str) -> None:
        self.shell(f"systemctl stop {unit}")

    def kill(self, unit: str) -> None:
        self.shell(f"systemctl kill -s KILL {unit}; while systemctl -q is-active {unit}; do sleep 0.1; done")

    def disable(self, unit: str) -> None:
        self.shell(f"systemctl -q disable {unit} 2>/dev/null")

    def started(self, unit: str) -> str:
        return self.shell(f"systemctl show {unit} -p MainPID --value")

    def set(self, setting: str, value: str) -> None:
        self.shell(f"sysctl -qw {setting}={value}")

    def unhold(self, package: str) -> None:
        self.shell(f"apt-mark -qq unhold {package}")

    def purge(self, package: str) -> None:
        self.shell(f"dpkg --purge --force-all {package} >/dev/null 2>&1")

    def half_install(self, package: str, version: str) -> None:
        entry = (
            f"Package: {package}\nStatus: install reinstreq half-installed\nArchitecture: amd64\nVersion: {version}\n"
        )
        entry += "Maintainer: nobody <nobody@example.org>\nDescription: half of a package\n"
        self.purge(package)
        self.shell(f"printf '%s\\n' {quote(entry)} >>/var/lib/dpkg/status")

    def half_configure(self, package: str) -> None:
        script = f"/^Package: {package}$/,/^$/ s/^Status: \\(\\w*\\) .*/Status: \\1 ok half-configured/"
        self.shell(f"sed -i {quote(script)} /var/lib/dpkg/status")

    def occupy_packages(self, seconds: int) -> None:
        lock = "/var/lib/dpkg/lock-frontend"
        self.shell(f"systemd-run -q flock {lock} sleep {seconds}; while flock -n {lock} true; do sleep 0.1; done")

    def kill_when(self, command: Command, path: str) -> None:
        program = command.argv[0] if command.argv[0] != "/bin/sh" else "kubeadm"
        wait = f"until [ -e {quote(path)} ]; do sleep 0.1; done; pkill -KILL -x {program}"
        killer = threading.Thread(target=self.shell, args=(wait,))
        killer.start()
        self.transport.run([command])
        killer.join()

    def stop_api(self) -> None:
        self.shell("systemctl stop kubelet; docker kill $(docker ps -q --filter name=k8s_kube-apiserver) >/dev/null")

    def later(self) -> None:
        self.shell("sleep 1.1")

    def cut(self) -> None:
        self.shell("systemctl stop ssh; pkill -KILL -x sshd || :")

    def mend(self) -> None:
        self.shell("systemctl start ssh")
