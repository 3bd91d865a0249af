"""Docker's and containerd's images, loaded from the bundle; what containerd is set to, and how it is cleared."""

from __future__ import annotations

from provisioner.core.command import Command
from provisioner.resources.images import full_name
from provisioner.runtimes.containerd import CONFIG
from provisioner.runtimes.docker import DAEMON_JSON
from provisioner.sources.bundle_access import PLACE
from tests.builders import bundle
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.services import CONTAINERD, DOCKER
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


def _containerd_images(machine: Machine, command: Command) -> str:
    names = sorted(map(full_name, machine.images)) if machine.runs(CONTAINERD) else []
    return "".join(f"{name}\n" for name in names)


def _containerd_settings(machine: Machine, command: Command) -> str:
    """It prints only its configuration: no script of ours reads the rest of what a real one prints."""
    return machine.units[CONTAINERD].runs_with[CONFIG] if machine.runs(CONTAINERD) else ""


def _loads(unit: str) -> Handler:
    def load(machine: Machine, command: Command, *arguments: str) -> Answer | Moments:
        place, archive, _, scratch, name = arguments
        assert place == PLACE
        assert BY_ARCHIVE[archive] == name
        if not machine.there(place):
            return failed(1, f"cat: {place}: No such file or directory")
        if not machine.runs(unit):
            return failed(1, f"Cannot connect to {unit}")
        return _loading(machine, name, f"{scratch}/image.tar.gz")

    return load


def _loading(machine: Machine, name: str, archive: str) -> Moments:
    machine.put(archive, name)
    yield
    machine.images.add(name)
    machine.clock.tick()
    yield
    machine.drop(archive)
    return ""


def _tells_digests(unit: str) -> Handler:
    def tell(machine: Machine, command: Command) -> str:
        rows = sorted(machine.digests.items()) if machine.runs(unit) else []
        return "".join(f"{name} {digest}\n" for name, digest in rows)

    return tell


def _pulls(unit: str) -> Handler:
    def pull(machine: Machine, command: Command, name: str, pinned: str) -> Answer | Moments:
        return _pulling(machine, name, pinned) if machine.runs(unit) else failed(1, f"Cannot connect to {unit}")

    return pull


def _pulling(machine: Machine, name: str, pinned: str) -> Moments:
    place, _, digest = pinned.partition("@")
    assert name.startswith(f"{place}:")
    yield
    machine.images.add(name)
    machine.digests[name] = digest
    machine.clock.tick()
    return ""


SCRIPTS: dict[str, Handler] = {
    "images": _images,
    "load": _loads(DOCKER),
    "containerd_images": _containerd_images,
    "containerd_settings": _containerd_settings,
    "containerd_load": _loads(CONTAINERD),
    "digests": _tells_digests(DOCKER),
    "pull": _pulls(DOCKER),
    "containerd_digests": _tells_digests(CONTAINERD),
    "containerd_pull": _pulls(CONTAINERD),
}
