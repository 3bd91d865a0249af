"""The container lab: any number of machines that behave like freshly installed servers, made and removed as one.

Nothing here is remembered that could not be read again: a run that was killed is continued by the next one, and
`down` finds what to remove by its label.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import docker
from docker.errors import NotFound
from pydantic import TypeAdapter, ValidationError

from provisioner.core.report import Listener, Note, step
from provisioner.errors import LabError
from provisioner.labs import engine, image, machines, network, packages, state
from provisioner.labs import inventory as inventories
from provisioner.labs.rights import LABEL, Rights, granted
from provisioner.labs.spec import LOOPBACK, LabSpec, Machine, check, grown
from provisioner.labs.spec import machines as planned

HOST = "lab"
PARALLEL = 8
# Where a virtual machine hides the containers' addresses, sshd is published from this port upwards.
PUBLISHED_FROM = 22022


@dataclass(frozen=True, slots=True)
class Record:
    """What `lab.json` remembers: the spec with what was chosen for it, and the image its machines are made of."""

    spec: LabSpec
    image: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up: its machines, and the inventory file to work with."""

    name: str
    machines: tuple[Machine, ...]
    inventory: Path


def up(spec: LabSpec, listen: Listener) -> Lab:
    """Bring the lab up: make, start or keep what there is, until every machine has booted and answers on SSH.

    Raises LabError when this machine cannot run it as asked, BuildError when the image cannot be made,
    LockHeldError when another run works on the same lab.
    """
    check(spec)
    home = state.directory(spec.name)
    client = engine.ensure(listen)
    packages.install_programs({"ssh": "openssh-client"}, listen)
    with state.locked(home):
        try:
            record = _prepared(client, spec, listen)
        except BaseException:
            if _recorded(spec.name) is None:
                state.forget(home)
            raise
        return _raised(client, record, listen)


def default_ssh_port() -> int | None:
    """The first published port this machine needs to reach lab machines, or None where addresses do."""
    return None if engine.is_local_linux() else PUBLISHED_FROM


def _prepared(client: docker.DockerClient, asked: LabSpec, listen: Listener) -> Record:
    """Everything the machines need before they exist, and the record of it."""
    old = _recorded(asked.name)
    spec = grown(old.spec if old else None, asked)
    _refuse_taken_ports(client, spec)
    name = (
        old.image if old and image.exists(client, old.image) else image.ensure(client, spec.release, listen)
    )
    rights = old.rights if old else granted(client, name, spec.name)
    with step(listen, HOST, "network"):
        subnet = network.ensure(client, spec.name, spec.subnet)
    record = Record(replace(spec, subnet=subnet), name, rights)
    state.write(_record_file(spec.name), TypeAdapter(Record).dump_json(record, indent=2).decode() + "\n")
    return record


def _refuse_taken_ports(client: docker.DockerClient, spec: LabSpec) -> None:
    """Before anything is made: ports on loopback that machines which do not run yet would need."""
    if spec.ssh_port is None:
        return
    running = {
        name for name, container in machines.find(client, spec.name).items() if container.status == "running"
    }
    example = planned(spec, network.CANDIDATES[0])
    for machine in example:
        if machine.name not in running and not _is_free(machine.ssh_port):
            raise LabError(
                f"port {machine.ssh_port} on {LOOPBACK}, which {machine.name} would use, is already taken",
                hint="choose another first port (--ssh-port), or end what listens there",
            )


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        # As the engine does it: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _raised(client: docker.DockerClient, record: Record, listen: Listener) -> Lab:
    home = state.directory(record.spec.name)
    frame = machines.Frame(client, record.spec, record.image, record.rights, state.public_key(home))
    wanted = _machines(record)
    existing = machines.find(client, record.spec.name)
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [pool.submit(machines.bring_up, frame, one, existing.get(one.name), listen) for one in wanted]
    for job in jobs:
        job.result()
    _learn_host_keys(client, record, home)
    _write_inventory(home, record.spec.name, wanted, listen)
    return Lab(record.spec.name, status(record.spec.name), home / state.INVENTORY)


def _machines(record: Record) -> tuple[Machine, ...]:
    if record.spec.subnet is None:
        raise LabError(
            f"{_record_file(record.spec.name)} names no subnet", hint="take the lab down and up again"
        )
    return planned(record.spec, record.spec.subnet)


def _learn_host_keys(client: docker.DockerClient, record: Record, home: Path) -> None:
    containers = machines.find(client, record.spec.name)
    lines = [
        inventories.known_hosts(machine, machines.host_keys(containers[machine.name]))
        for machine in _machines(record)
    ]
    state.write(home / state.KNOWN_HOSTS, "".join(lines))


def _write_inventory(home: Path, lab: str, wanted: tuple[Machine, ...], listen: Listener) -> None:
    """Write the inventory; one that the user has edited stays, since it is theirs."""
    path, fresh = home / state.INVENTORY, inventories.text(lab, wanted)
    made = home / f".{state.INVENTORY}.made"
    current = path.read_text() if path.exists() else None
    if current is not None and made.exists() and current != made.read_text():
        if fresh != made.read_text():
            listen(Note(f"{path} was edited and is kept; new machines are listed in {made}"))
    else:
        state.write(path, fresh)
    state.write(made, fresh)


def _record_file(name: str) -> Path:
    return state.directory(name) / state.RECORD


def _recorded(name: str) -> Record | None:
    try:
        return TypeAdapter(Record).validate_json(_record_file(name).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        hint = f"take the lab down: provisioner lab down --name {name}"
        raise LabError(f"{_record_file(name)} is damaged", hint=hint, details=str(error)) from error


def status(name: str) -> tuple[Machine, ...]:
    """The lab's machines and their states; none when there is no such lab.

    Raises LabError when the lab exists but the engine does not answer.
    """
    record = _recorded(name)
    if record is None:
        return ()
    client = engine.reachable()
    if client is None:
        raise LabError(
            f"the lab {name} exists, but Docker Engine does not answer",
            hint="provisioner lab up starts both",
        )
    states = {machine: container.status for machine, container in machines.find(client, name).items()}
    return tuple(replace(one, state=states.get(one.name, one.state)) for one in _machines(record))


def ssh_command(name: str, machine: str) -> list[str]:
    """The ssh call that opens a shell on a machine; append words to run a command instead.

    Raises LabError when the lab or the machine does not exist.
    """
    record = _recorded(name)
    known = {one.name: one for one in _machines(record)} if record else {}
    if machine not in known:
        there = f"it has {', '.join(known)}" if known else "there is no such lab"
        raise LabError(f"no machine {machine} in the lab {name}: {there}", hint="provisioner lab status")
    home, one = state.directory(name), known[machine]
    # Quoted, because ssh splits this option at blanks and macOS has them in the state directory's name.
    options = [f'UserKnownHostsFile="{home / state.KNOWN_HOSTS}"', "GlobalKnownHostsFile=/dev/null"]
    options += ["StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "LogLevel=ERROR"]
    flags = [word for option in options for word in ("-o", option)]
    login = f"{machines.USER}@{one.ssh_host}"
    return ["ssh", "-F", "none", "-i", str(home / state.KEY), *flags, "-p", str(one.ssh_port), login]


def inventory(name: str) -> str:
    """The text of the lab's inventory file. Raises LabError when there is no such lab."""
    path = state.directory(name) / state.INVENTORY
    if not path.exists():
        raise LabError(f"there is no lab {name}", hint=f"provisioner lab up --name {name}")
    return path.read_text()


def down(name: str, listen: Listener) -> None:
    """Remove the lab: machines, volumes, network, state. Whatever is gone already is fine.

    The image stays, as a cache. An engine that was started by hand is stopped when nothing is left in it.
    Raises LabError when the engine holds the lab but cannot be started.
    """
    home = state.directory(name)
    client = engine.reachable() or _engine_to_clean(name, listen)
    if client is None:
        state.forget(home)
        return
    with state.locked(home), step(listen, HOST, f"take {name} down"):
        filters = {"label": f"{LABEL}={name}"}
        machines.remove(client.containers.list(all=True, filters=filters))
        _remove_network(client, name)
        state.forget(home)
    engine.stop_engine(listen)


def _engine_to_clean(name: str, listen: Listener) -> docker.DockerClient | None:
    """The engine, started only to remove a lab from it; None when there is no lab or no engine to hold one."""
    if _record_file(name).exists() and engine.installed():
        listen(Note("Docker Engine does not run; it is started to remove the lab from it"))
        return engine.ensure(listen)
    listen(Note(f"Docker Engine does not run here: nothing of the lab {name} to remove from it"))
    return None


def _remove_network(client: docker.DockerClient, name: str) -> None:
    existing = network.find(client, name)
    if existing is not None:
        with suppress(NotFound):
            existing.remove()
