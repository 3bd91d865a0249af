"""Docker's images, loaded from the bundle."""

from __future__ import annotations

from provisioner.core.command import Command
from provisioner.plays.runtime import DAEMON_JSON
from provisioner.sources.bundle_access import PLACE
from tests.builders import bundle
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.services import DOCKER
from tests.fake.state import Machine

BY_ARCHIVE = {
    content.path: content.name for content in bundle().manifest.contents if content.path.startswith("images/")
}


def _images(machine: Machine, command: Command) -> str:
    if not machine.runs(DOCKER):
        return "\n"
    told = machine.units[DOCKER].runs_with.get(DAEMON_JSON, "")
    drivers = f"{'systemd' if 'cgroupdriver=systemd' in told else 'cgroupfs'} overlay2"
    return "\n".join([f"drivers: {drivers}", *sorted(machine.images)]) + "\n"


def _load(
    machine: Machine, command: Command, place: str, archive: str, digest: str, scratch: str = "/var/lib/provisioner"
) -> Answer | Moments:
    assert place == PLACE
    if not machine.there(place):
        return failed(1, f"cat: {place}: No such file or directory")
    if not machine.runs(DOCKER):
        return failed(1, "Cannot connect to the Docker daemon")
    return _loading(machine, BY_ARCHIVE[archive], f"{scratch}/image.tar.gz")


def _loading(machine: Machine, name: str, archive: str) -> Moments:
    machine.put(archive, name)
    yield
    machine.images.add(name)
    machine.clock.tick()
    yield
    machine.drop(archive)
    return ""


SCRIPTS: dict[str, Handler] = {"images": _images, "load": _load}
