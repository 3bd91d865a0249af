"""The container lab: any number of machines that behave like fresh servers, made and removed as one.

A run that was killed is continued by the next one: what exists is read from the engine each time. `down`
finds what to remove by its label, with or without a record of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import docker
from docker.errors import NotFound

from provisioner.core.report import Listener, Note, Outcome, step
from provisioner.errors import LabError
from provisioner.labs import engine, handover, image, machines, network, packages, ports, record, state
from provisioner.labs.record import Record
from provisioner.labs.rights import LABEL, granted
from provisioner.labs.spec import LabSpec, Machine, check, grown
from provisioner.labs.spec import machines as planned
from provisioner.paths import state_directory

HOST = "lab"
PARALLEL = 8
# Where a virtual machine hides the containers' addresses, sshd is published from this port on.
PUBLISHED_FROM = 22022


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up: its machines, and the inventory file to work with."""

    name: str
    machines: tuple[Machine, ...]
    inventory: Path


def default_ssh_port() -> int | None:
    """The first published port this machine needs to reach lab machines, or None where it can use their addresses."""
    return None if engine.is_local_linux() else PUBLISHED_FROM


def up(spec: LabSpec, listen: Listener) -> Lab:
    """Bring the lab up: make, start or keep what there is, until every machine has booted and answers on SSH.

    Raises LabError when this machine cannot run it as asked, BuildError when the image cannot be made,
    LockHeldError when another run works on the same lab.
    """
    check(spec)
    home = state.directory(spec.name)
    packages.install_programs({"ssh": "openssh-client"}, listen)
    with state.locked(home):
        try:
            with closing(engine.ensure(listen)) as client:
                return _raised(client, _prepared(client, spec, listen), listen)
        except BaseException:
            if not record.path(spec.name).exists():
                state.forget(home)
            raise


def _prepared(client: docker.DockerClient, asked: LabSpec, listen: Listener) -> Record:
    """Everything the machines need before they exist, and the record of it."""
    old = record.read(asked.name)
    spec = grown(old.spec if old else None, asked)
    _refuse_what_is_in_the_way(client, spec, old)
    known = old.image if old and image.exists(client, old.image) else None
    name = known or image.ensure(client, spec.release, listen)
    rights = old.rights if old else granted(client, name, spec.name)
    exists = network.find(client, spec.name) is not None
    with step(listen, HOST, "network", Outcome.OK if exists else Outcome.CHANGED):
        subnet = network.ensure(client, spec.name, spec.subnet, spec.mtu)
    prepared = Record(replace(spec, subnet=subnet), name, rights)
    record.write(prepared)
    return prepared


def _refuse_what_is_in_the_way(client: docker.DockerClient, spec: LabSpec, old: Record | None) -> None:
    existing = machines.find(client, spec.name)
    if existing and old is None:
        raise LabError(
            f"the engine has machines of a lab {spec.name}, but {state_directory()} has no record of it",
            hint="choose another name, or remove them (lab down) if no other user needs them",
        )
    running = {name for name, container in existing.items() if container.status == "running"}
    # Ports do not depend on the range, which may not be chosen yet.
    wanted = planned(spec, spec.subnet or network.CANDIDATES[0])
    ports.refuse_taken(machine for machine in wanted if machine.name not in running)


def _raised(client: docker.DockerClient, prepared: Record, listen: Listener) -> Lab:
    name = prepared.spec.name
    home = state.directory(name)
    frame = machines.Frame(client, prepared.spec, prepared.image, prepared.rights, state.public_key(home))
    wanted = record.machines(prepared)
    existing = machines.find(client, name)
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(machines.bring_up, frame, one, existing.get(one.name), listen) for one in wanted]
    for job in jobs:
        job.result()
    handover.write_known_hosts(home, wanted, machines.find(client, name))
    handover.write_inventory(home, wanted, listen, prepared.spec.kubernetes)
    return Lab(name, status(name), home / state.INVENTORY)


def status(name: str) -> tuple[Machine, ...]:
    """The lab's machines and their states; none when there is no such lab.

    Raises LabError when the lab exists but the engine does not answer.
    """
    remembered = record.read(name)
    if remembered is None:
        return ()
    client = engine.reachable()
    if client is None:
        raise LabError(
            f"the lab {name} exists, but Docker Engine does not answer",
            hint="provisioner lab up starts both",
        )
    with closing(client):
        states = {machine: container.status for machine, container in machines.find(client, name).items()}
    return tuple(replace(one, state=states.get(one.name, one.state)) for one in record.machines(remembered))


def ssh_command(name: str, machine: str) -> list[str]:
    """The ssh call that opens a shell on a machine; append words to run a command instead.

    Raises LabError when the lab or the machine does not exist.
    """
    remembered = record.read(name)
    known = {one.name: one for one in record.machines(remembered)} if remembered else {}
    if machine not in known:
        there = f"it has {', '.join(known)}" if known else "there is no such lab"
        raise LabError(f"no machine {machine} in the lab {name}: {there}", hint="provisioner lab status")
    return handover.ssh_command(state.directory(name), known[machine])


def inventory(name: str) -> str:
    """The text of the lab's inventory file. Raises LabError when there is no such lab."""
    path = state.directory(name) / state.INVENTORY
    if not path.exists():
        raise LabError(f"there is no lab {name} that is up", hint="provisioner lab up")
    return path.read_text()


def halt(name: str, listen: Listener) -> None:
    """Shut down the lab's machines cleanly; disks, addresses and keys stay. `up` starts them again.

    Raises LabError when there is no such lab, or the engine does not answer.
    """
    remembered, client = record.read(name), engine.reachable()
    if remembered is None or client is None:
        missing = "there is no lab" if remembered is None else "Docker Engine does not answer for the lab"
        raise LabError(f"{missing} {name}", hint="provisioner lab status")
    with closing(client), state.locked(state.directory(name)), ThreadPoolExecutor(PARALLEL) as pool:
        running = [one for one in machines.find(client, name).items() if one[1].status == "running"]
        jobs = [pool.submit(machines.halt, machine, container, listen) for machine, container in running]
    for job in jobs:
        job.result()


def resume(name: str, listen: Listener) -> Lab:
    """Start the machines of a lab that was halted. Raises LabError when there is no such lab."""
    remembered = record.read(name)
    if remembered is None:
        raise LabError(f"there is no lab {name}", hint="provisioner lab up")
    return up(remembered.spec, listen)


def down(name: str, listen: Listener) -> None:
    """Remove the lab: machines, volumes, network, state. It is no error if some of them are gone.

    The image stays, as a cache. An engine that was started by hand is stopped when nothing is left in it.
    Raises LabError when the engine holds the lab but cannot be started.
    """
    home = state.directory(name)
    client = engine.reachable() or _engine_to_clean(name, listen)
    with state.locked(home):
        if client is not None:
            with closing(client):
                _remove(client, name, listen)
        state.forget(home)
    if client is not None:
        engine.stop_engine(listen)


def _engine_to_clean(name: str, listen: Listener) -> docker.DockerClient | None:
    """The engine, started only to remove a lab from it; None when there is no lab or no engine."""
    if record.path(name).exists() and engine.installed():
        listen(Note("Docker Engine does not run; it is started to remove the lab from it"))
        return engine.ensure(listen)
    listen(Note(f"Docker Engine does not run here; there is nothing of the lab {name} to remove from it"))
    return None


def _remove(client: docker.DockerClient, name: str, listen: Listener) -> None:
    containers = client.containers.list(all=True, filters={"label": f"{LABEL}={name}"})
    existing = network.find(client, name)
    if not containers and existing is None:
        listen(Note(f"there is nothing of a lab {name} in Docker Engine"))
        return
    with step(listen, HOST, f"take {name} down"):
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(machines.remove, containers))
        if existing is not None:
            with suppress(NotFound):
                existing.remove()
