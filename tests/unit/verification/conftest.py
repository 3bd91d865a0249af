"""Recorded output of real machines and stand-ins for testinfra's host and for kubectl."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from provisioner.inventory.model import Cluster, ClusterSettings, Host, Role
from provisioner.inventory.ssh import Ssh
from provisioner.inventory.values import Version
from provisioner.verification.kubectl import Kubectl
from provisioner.verification.seen import Seen, read

RECORDED = Path(__file__).parents[2] / "cases" / "verification"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def recorded_json(name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(recorded(name))
    return answer


@pytest.fixture
def worker() -> Seen:
    return read(recorded("worker.txt"), "SEPARATOR")


@pytest.fixture
def control_plane() -> Seen:
    return read(recorded("control-plane.txt"), "SEPARATOR")


def a_host(name: str = "w1", **values: Any) -> Host:
    role = Role.CONTROL_PLANE if name.startswith("cp") else Role.WORKER
    return Host(**{"name": name, "role": role, "address": f"{name}.example"} | values)


def a_cluster(*hosts: Host, **ssh: Any) -> Cluster:
    settings = ClusterSettings(
        kubernetes_version=Version(1, 20, 2),
        pod_cidr=IPv4Network("10.244.0.0/16"),
        ssh=Ssh(**{"user_config": False} | ssh),
    )
    return Cluster(path=Path("/i/inventory.yaml"), settings=settings, hosts=hosts or (a_host("cp1"), a_host("w1")))


@dataclass(frozen=True)
class Answered:
    """What testinfra gives for a command."""

    stdout: str = ""
    stderr: str = ""
    rc: int = 0


@dataclass
class FakeHost:
    """Answers as testinfra's host does, by a function from the whole command line."""

    answer: Callable[[str], Answered]
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, *arguments: str) -> Answered:
        self.ran.append(command % arguments if arguments else command)
        return self.answer(self.ran[-1])


def kubectl_on(answer: Callable[[str], Answered]) -> tuple[Kubectl, FakeHost]:
    host = FakeHost(answer)
    return Kubectl("cp1", host), host
