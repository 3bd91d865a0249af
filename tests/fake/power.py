"""A machine loses its power and comes back."""

from __future__ import annotations

from tests.fake import kernel, services
from tests.fake.background import MANIFESTS, pass_moment
from tests.fake.state import Machine

# Until an API server has come back.
BOOT_S = 5


def reboot(machine: Machine) -> None:
    """What is only in memory is gone; what is enabled and written down comes back."""
    if machine.there(MANIFESTS):
        machine.cluster.api = "down"
    for place in ("/run", "/tmp"):
        machine.drop(place)
    machine.routes, machine.firewall = set(), False
    machine.links.clear()
    kernel.boot(machine)
    services.boot(machine)
    for _ in range(BOOT_S):
        pass_moment(machine)
