"""What a procedure keeps on a machine before it changes something there."""

from __future__ import annotations

from provisioner.core.command import Command
from tests.fake.background import MANIFESTS
from tests.fake.kubectl import REFUSED, opens
from tests.fake.moments import Answer, Handler, Moments, failed
from tests.fake.state import Machine


def _run(machine: Machine, command: Command, place: str, name: str) -> str:
    return machine.read(f"{place}/{name}/run")


def _keep(machine: Machine, command: Command, place: str, name: str, run: str, node: str, *packages: str) -> Moments:
    work = f"{place}/.{name}"
    machine.drop(work)
    versions = [f"{one} {machine.packages[one].version}\n" for one in packages if one in machine.packages]
    machine.put(f"{work}/packages", "".join(versions), "600")
    yield
    machine.put(f"{work}/kubernetes.tar", "", "600")
    yield
    if f"{MANIFESTS}/etcd.yaml" in machine.files:
        if not opens(machine):
            machine.drop(work)
            return failed(1, REFUSED)
        machine.put(f"{work}/etcd.db", "the cluster's objects", "600")
        yield
    machine.put(f"{work}/run", f"{run}\n", "600")
    machine.drop(f"{place}/{name}")
    for path in list(machine.below(work)):
        machine.move(path, path.replace(f"/.{name}/", f"/{name}/"))
    return ""


def _left(machine: Machine, command: Command, place: str, name: str) -> str:
    return "".join(f"{path}\n" for path in (f"{place}/{name}", f"{place}/.{name}") if machine.there(path))


def _remove(machine: Machine, command: Command, place: str, name: str) -> Answer:
    machine.drop(f"{place}/{name}")
    machine.drop(f"{place}/.{name}")
    return ""


SCRIPTS: dict[str, Handler] = {
    "checkpoint": _run,
    "keep_checkpoint": _keep,
    "checkpoint_left": _left,
    "remove_checkpoint": _remove,
}
