"""What `verify network` says of a lab, for the tests of it."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.core.report import Reach
from provisioner.verification.paths import SERVICE
from provisioner.verification.probe_objects import LABEL
from tests.e2e.world import Said, World

# What the checks say of the paths themselves, beside the causes that have names of their own.
PATHS = {
    "pod_reaches_pods", "pod_reaches_service", "pod_reaches_itself", "pod_reaches_api_server", "machine_reaches_pods",
    "machine_reaches_service", "machine_reaches_node_ports", "largest_packet",
}  # fmt: skip


@dataclass(frozen=True)
class Verified:
    """What `verify network` said."""

    said: Said

    @property
    def causes(self) -> set[tuple[str, str]]:
        """Where and what, without the paths that do not work."""
        problems = self.said.report.get("problems", [])
        return {(found["where"], found["rule"]) for found in problems if found["rule"] not in PATHS}

    @property
    def reaches(self) -> list[Reach]:
        """What reaches what."""
        return [Reach(**reach) for event in self.said.events if event.get("event") == "network_seen"
                for reach in event["reaches"]]  # fmt: skip

    @property
    def holes(self) -> set[tuple[str, str, str]]:
        """What does not work: path, source, target. A Service of all pods is reached or not as chance has it."""
        wrong = (reach for reach in self.reaches if not reach.ok and reach.target != SERVICE)
        return {(reach.path, reach.source, reach.target) for reach in wrong}

    def pairs(self, path: str) -> set[tuple[str, str]]:
        """The pairs that do not reach each other by that path."""
        return {(source, target) for name, source, target in self.holes if name == path}


def verify_network(lab: World, *arguments: str) -> Verified:
    return Verified(lab.json("verify", "network", *arguments))


def namespaces(lab: World) -> str:
    return lab.kubectl("get", "namespaces", "--selector", LABEL, "--output", "name").strip()


def node(lab: World, name: str, path: str) -> str:
    return lab.kubectl("get", "node", name, "-o", f"jsonpath={{{path}}}")


def nodes(lab: World) -> list[str]:
    """All of them: other tests may have added some."""
    return lab.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()


def pod_cidr(lab: World, name: str) -> str:
    return node(lab, name, ".spec.podCIDR")


def address(lab: World, name: str) -> str:
    return node(lab, name, ".status.addresses[0].address")
