"""One verification: the cluster, the hosts to check, and what was seen on them; each host is looked at once."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from getpass import getuser
from pathlib import Path
from socket import gethostname
from typing import Any

import testinfra

from provisioner.inventory.model import Cluster, Host
from provisioner.verification import connection, kubectl, seen, turn
from provisioner.verification.kubectl import Kubectl
from provisioner.verification.seen import SCRIPT, Seen
from provisioner.verification.walk import OUTSIDE_NAME, SAMPLE_ABOVE

CONFIG = "ssh_config"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a host showed, and how many seconds its clock is ahead of ours (0 when no difference can be measured)."""

    seen: Seen
    clock_ahead_s: float


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A host that did not answer, and why."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Options:
    """How the network is tested: see the command line options of these names. Without an image: the inventory's."""

    sample_above: int = SAMPLE_ABOVE
    outside_name: str = OUTSIDE_NAME
    probe_image: str = ""


class Session:
    """What all checks of one verification share; made by the plug-in, which also closes it."""

    def __init__(
        self, cluster: Cluster, checked: frozenset[str], directory: Path, options: Options = Options()
    ) -> None:
        """`checked` are the names of the hosts to check; `directory` is private and empty."""
        self.cluster = cluster
        self.checked = checked
        self.options = options
        self.config = directory / CONFIG
        self.config.write_text(connection.ssh_config(cluster, directory), encoding="utf-8")

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts to check, in the inventory's order."""
        return tuple(host for host in self.cluster.hosts if host.name in self.checked)

    def spec(self, host: Host) -> str:
        """testinfra's name for this host."""
        return connection.host_spec(host, self.config, self.cluster.settings.ssh.connect_timeout_s)

    @cached_property
    def looks(self) -> dict[str, Looked | Unreachable]:
        """All hosts to check and all control planes, looked at in parallel, one round trip each."""
        wanted = [
            host for host in self.cluster.hosts if host.name in self.checked or host in self.cluster.control_planes
        ]
        with ThreadPoolExecutor(self.cluster.settings.ssh.parallel) as pool:
            return dict(zip((host.name for host in wanted), pool.map(self._look, wanted), strict=True))

    def _look(self, host: Host) -> Looked | Unreachable:
        prefix = seen.pod_prefix(str(self.cluster.settings.pod_cidr))
        return look(testinfra.get_host(self.spec(host)), prefix)

    @cached_property
    def leader(self) -> Kubectl | None:
        """Run kubectl on the first control plane whose own API server is ready."""
        for host in self.cluster.control_planes:
            found = self.looks[host.name]
            if isinstance(found, Looked) and found.seen.readyz == "ok":
                return Kubectl(host.name, testinfra.get_host(self.spec(host)))
        return None

    def turn(self, leader: Kubectl) -> list[str]:
        """The command that holds the lock on the leader, so that only one verification runs probes."""
        host = self.cluster.host(leader.name)
        who = f"{getuser()} on {gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"
        return turn.command(["ssh", "-F", str(self.config), host.name], who, become=host.become)

    def close(self) -> None:
        """End the connections."""
        connection.close(self.cluster, self.config)


def look(host: Any, pod_prefix: str) -> Looked | Unreachable:
    """Send the script to one host."""
    separator = secrets.token_hex(8)
    began_s = time.time()
    try:
        _, output, errors = kubectl.run(host, "/bin/bash -c %s look %s %s", SCRIPT, separator, pod_prefix)
    except kubectl.LostError as error:
        return Unreachable(*connection.why_unreachable(error.said))
    if separator not in output:
        return Unreachable(*connection.why_unreachable(errors))
    try:
        found = seen.read(output, separator)
    except ValueError as error:
        return Unreachable(str(error), "check the host's load and its log")
    return Looked(found, clock_ahead_s(found.clock_s, began_s, time.time()))


def clock_ahead_s(there_s: float, began_s: float, ended_s: float) -> float:
    """How far a clock that was read between two of our times is ahead (negative: behind); 0 when it is between them."""
    return max(there_s - ended_s, 0.0) + min(there_s - began_s, 0.0)
