"""Hands on a machine of the lab: a shell in its container, beside SSH."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shlex import quote

from provisioner.core.command import Command, settle
from provisioner.transports.protocol import Transport
from tests.e2e.faults import swallowing
from tests.patience import LONGEST_S

TRACE = "find /etc /usr /opt /home /root -newer /proc/1 -type f | sort | sha256sum; ls -A /var/lib"


@dataclass(frozen=True)
class RealHands:
    """A shell in the machine's container, beside SSH."""

    container: str
    transport: Transport

    def shell(self, script: str) -> str:
        """What the script prints; it must not fail."""
        argv = ["docker", "exec", "-i", self.container, "sh", "-eu"]
        done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=LONGEST_S, check=False)
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

    def age(self, path: str, seconds: int) -> None:
        self.shell(f"touch -d '{seconds} seconds ago' {quote(path)}")

    def leave_running(self, seconds: int) -> None:
        busy = settle().argv[4]
        hold = f"exec 9>>{busy}; flock 9; touch /tmp/held; exec sleep {seconds}"
        self.shell(
            f"rm -f /tmp/held; setsid sh -c '{hold}' >/dev/null 2>&1 & until [ -e /tmp/held ]; do sleep 0.1; done"
        )

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

    def trace(self) -> str:
        return self.shell(TRACE)

    def stop_api(self) -> None:
        self.shell("systemctl stop kubelet; docker kill $(docker ps -q --filter name=k8s_kube-apiserver) >/dev/null")

    def later(self) -> None:
        self.shell("sleep 1.1")

    def reboot(self) -> None:
        self.transport.close()
        subprocess.run(["docker", "restart", "--time", "0", self.container], check=True, capture_output=True)
        self.shell("for unit in ssh docker kubelet; do until systemctl -q is-active $unit; do sleep 0.2; done; done")

    @contextmanager
    def neighbour(self, address: str, *swallowed: str) -> Iterator[None]:
        there = f"ip addr add {address}/24 dev far; ip link set far up\n{swallowing('far', *swallowed)}"
        here = (
            "ip netns add neighbour",
            "ip link add near type veth peer name far netns neighbour",
            f"ip addr add {address.rpartition('.')[0]}.254/24 dev near; ip link set near up",
            f"ip netns exec neighbour sh -euc {quote(there)}",
        )
        self.shell("\n".join(here))
        try:
            yield
        finally:
            self.shell("ip netns delete neighbour; ip link delete near 2>/dev/null || :")

    def cut(self) -> None:
        self.shell("systemctl stop ssh; pkill -KILL -x sshd || :")

    def fix(self) -> None:
        self.shell("systemctl start ssh")
