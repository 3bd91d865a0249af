"""One machine of a lab as a container: made, started, waited for, read, removed."""

from __future__ import annotations

import io
import socket
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from provisioner.core.report import Listener, Outcome, Waiting, step
from provisioner.errors import LabError
from provisioner.labs import engine, network
from provisioner.labs.image import ENTRY, STOP_SIGNAL
from provisioner.labs.processes import last_lines
from provisioner.labs.rights import LABEL, Rights, options
from provisioner.labs.spec import LOOPBACK, NAT, LabSpec, Machine

MACHINE_LABEL = "provisioner.lab.machine"
USER = "admin"
# The first user of a fresh Debian.
USER_ID = 1000
BOOT_TIMEOUT_S = 120.0
# systemd ends services and pods in a second or two. Then it waits 90 seconds for processes of pods that ignore signals,
# and for scopes that are empty: in a container with cgroups of version 1 it is not always notified.
HALT_TIMEOUT_S = 15.0
POLL_S = 0.3
BANNER_TIMEOUT_S = 2.0
# The engine's answer to a request to remove a container that it is already removing.
CONFLICT = 409
REMOVAL_TIMEOUT_S = 60.0
# A machine with a cluster takes about 14 of the 128 that Linux gives a user by default (inotify(7)).
TOO_MANY = "with many machines here: raise sysctl fs.inotify.max_user_instances (to 1024), or take a lab down"
# A container's own files are an overlay, which cannot be under another overlay; kubelet and etcd need a real disk, too.
VOLUMES = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd")
HOST_MODULES = "/lib/modules"
BOOTED = ("running", "degraded")


@dataclass(frozen=True, slots=True)
class Frame:
    """What the machines of one lab share while they are made."""

    client: docker.DockerClient
    spec: LabSpec
    image: str
    rights: Rights
    public_key: str


def find(client: docker.DockerClient, lab: str) -> dict[str, Container]:
    """The lab's machines that exist in the engine, by machine name."""
    found = client.containers.list(all=True, filters={"label": [f"{LABEL}={lab}", MACHINE_LABEL]})
    return {container.labels[MACHINE_LABEL]: container for container in found}


def bring_up(frame: Frame, machine: Machine, existing: Container | None, listen: Listener) -> None:
    """Make what is missing of one machine (container, key, start) and wait until it has booted."""
    running = existing is not None and existing.status == "running"
    with step(listen, machine.name, "boot", Outcome.OK if running else Outcome.CHANGED):
        container = existing or _create(frame, machine)
        if not running:
            _put_key(container, frame.public_key)
            _start(container, machine)
        _wait_until_booted(container, machine, listen)


def _create(frame: Frame, machine: Machine) -> Container:
    spec, name = frame.spec, f"{network.full_name(frame.spec.name)}-{machine.name}"
    endpoint = {"IPAMConfig": {"IPv4Address": str(machine.address)}}
    made = frame.client.api.create_container_from_config(
        {
            "Image": frame.image,
            "Hostname": machine.name,
            "Entrypoint": [ENTRY],
            # systemd reads it: no consoles, no hardware.
            "Env": ["container=docker", *([f"LAB_NAT={NAT}"] if spec.nat else [])],
            "StopSignal": STOP_SIGNAL,
            "Labels": {LABEL: spec.name, MACHINE_LABEL: machine.name},
            "Volumes": {path: {} for path in VOLUMES},
            "ExposedPorts": {"22/tcp": {}},
            "HostConfig": host_config(frame.spec, frame.rights, machine),
            "NetworkingConfig": {"EndpointsConfig": {network.full_name(spec.name): endpoint}},
        },
        name,
    )
    return frame.client.containers.get(made["Id"])


def host_config(spec: LabSpec, rights: Rights, machine: Machine) -> Mapping[str, object]:
    """Docker's `HostConfig` (API 1.41) for one machine: its rights, limits, network and published port."""
    published = {"22/tcp": [{"HostIp": LOOPBACK, "HostPort": str(machine.ssh_port)}]}
    config = {"NetworkMode": network.full_name(spec.name), **node_config(rights)}
    config |= {"PortBindings": published} if machine.ssh_host == LOOPBACK else {}
    config |= {"Memory": spec.memory_mib * 2**20} if spec.memory_mib else {}
    config |= {"NanoCpus": int(spec.cpus * 1e9)} if spec.cpus else {}
    return config


def node_config(rights: Rights) -> dict[str, object]:
    """The part of `HostConfig` that makes a container a machine, for any caller and any network."""
    # With this machine's own view of cgroups, all machines of a lab would share one kubepods group.
    config: dict[str, object] = {"CgroupnsMode": "private", "Tmpfs": {"/run": "", "/run/lock": ""}, **options(rights)}
    # modprobe inside needs the modules of the kernel that really runs.
    if not engine.is_local_linux() or Path(HOST_MODULES).is_dir():
        config |= {"Binds": [f"{HOST_MODULES}:{HOST_MODULES}:ro"]}
    return config


def _put_key(container: Container, public_key: str) -> None:
    """The lab's key for the login user, as a cloud image gets it; the container need not run."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        directory = tarfile.TarInfo(".ssh")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o700
        file = tarfile.TarInfo(".ssh/authorized_keys")
        file.mode, file.size = 0o600, len(public_key.encode())
        for member in (directory, file):
            member.uid = member.gid = USER_ID
        tar.addfile(directory)
        tar.addfile(file, io.BytesIO(public_key.encode()))
    container.put_archive(f"/home/{USER}", archive.getvalue())


def _start(container: Container, machine: Machine) -> None:
    try:
        container.start()
    except APIError as error:
        text = str(error.explanation)
        taken = "already allocated" in text or "already in use" in text
        hint = f"does another process use port {machine.ssh_port} or address {machine.address}?" if taken else ""
        raise LabError(f"{machine.name} does not start: {text}", hint=hint) from error


def _wait_until_booted(container: Container, machine: Machine, listen: Listener) -> None:
    deadline_s = time.monotonic() + BOOT_TIMEOUT_S
    conditions: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("systemd", lambda: _systemd_is_up(container)),
        ("sshd", lambda: _sshd_answers(machine)),
    )
    for what, holds in conditions:
        listen(Waiting(machine.name, what))
        while not holds():
            if time.monotonic() > deadline_s:
                raise _not_booted(container, machine, f"{what} is not up after {BOOT_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)


def _systemd_is_up(container: Container) -> bool:
    try:
        output = container.exec_run(["systemctl", "is-system-running"]).output
    except APIError as error:
        container.reload()
        if container.status != "running":
            text = last_lines(container.logs(tail=20).decode(errors="replace"))
            raise LabError(f"{container.name} stopped while booting", hint=TOO_MANY, details=text) from error
        return False
    return bytes(output).decode().strip() in BOOTED


def _sshd_answers(machine: Machine) -> bool:
    try:
        where = (machine.ssh_host, machine.ssh_port)
        with socket.create_connection(where, timeout=BANNER_TIMEOUT_S) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _not_booted(container: Container, machine: Machine, message: str) -> LabError:
    units = container.exec_run(["systemctl", "list-jobs", "--no-pager"]).output
    hint = f"docker exec {container.name} journalctl --boot"
    return LabError(f"{machine.name}: {message}", hint=hint, details=last_lines(bytes(units).decode()))


def host_keys(container: Container) -> tuple[str, ...]:
    """The public host keys of a running machine (`TYPE KEY`), read through the engine and not over the network."""
    files = [f"/etc/ssh/ssh_host_{kind}_key.pub" for kind in ("ed25519", "ecdsa", "rsa")]
    output = container.exec_run(["cat", *files], stderr=False).output
    lines = (line.split() for line in bytes(output).decode().splitlines())
    return tuple(f"{words[0]} {words[1]}" for words in lines if len(words) > 1)


def halt(machine: str, container: Container, listen: Listener) -> None:
    """Let systemd shut the machine down; it is killed when that takes too long."""
    with step(listen, machine, "halt"):
        container.stop(timeout=int(HALT_TIMEOUT_S))


def remove(container: Container) -> None:
    """Remove a container with its anonymous volumes, running or not; it is no error if it is gone or being removed."""
    with suppress(NotFound):
        try:
            container.remove(force=True, v=True)
        except APIError as error:
            if error.status_code != CONFLICT:
                raise
            container.wait(condition="removed", timeout=REMOVAL_TIMEOUT_S)
