"""A machine of Vagrant's provider docker: image, rights and start of the container lab, for the Vagrantfile to read.

Vagrant calls `docker run`, so what the container lab sends to the engine's API becomes command line options here.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from provisioner.core.report import Listener
from provisioner.inventory.model import Cluster
from provisioner.inventory.vagrant_rules import machines
from provisioner.labs import engine, image, state
from provisioner.labs.image import ENTRY, STOP_SIGNAL
from provisioner.labs.machines import HALT_TIMEOUT_S, USER, USER_ID, VOLUMES, node_config
from provisioner.labs.rights import granted
from provisioner.labs.vagrant.program import Environment
from provisioner.paths import write_private

FILE = "node.json"
# The label of containers that only test which rights the engine grants.
_TRIAL = "vagrant"


@dataclass(frozen=True, slots=True)
class Node:
    """What the Vagrantfile needs to know; `images` by release."""

    images: dict[str, str]
    create_args: tuple[str, ...]
    cmd: tuple[str, ...]
    user: str
    private_key: str


def create_args(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Docker's `HostConfig` (API 1.41) as options of `docker run`; a key that is not known here is a KeyError."""
    return tuple(word for key, value in config.items() for word in _options(key, value))


def _options(key: str, value: Any) -> Iterator[str]:
    match key:
        case "Privileged":
            yield "--privileged"
        case "MaskedPaths":  # the command line has one option for this and ReadonlyPaths
            yield from ("--security-opt", "systempaths=unconfined")
        case "ReadonlyPaths":
            return
        case "Tmpfs":
            yield from (f"--tmpfs={path}" for path in value)
        case "Devices":
            yield from (f"--device={one['PathOnHost']}:{one['PathInContainer']}" for one in value)
        case "CgroupnsMode":
            yield f"--cgroupns={value}"
        case _:
            yield from (f"{_LISTS[key]}={one}" for one in value)


_LISTS = {
    "CapAdd": "--cap-add",
    "SecurityOpt": "--security-opt",
    "DeviceCgroupRules": "--device-cgroup-rule",
    "Binds": "--volume",
}


def container_args() -> tuple[str, ...]:
    """The container lab's options for the container itself; `command` calls the entry."""
    volumes = (f"--volume={path}" for path in VOLUMES)
    return ("--entrypoint=/bin/sh", "--env=container=docker", f"--stop-signal={STOP_SIGNAL}", *volumes)


def command(public_key: str) -> tuple[str, ...]:
    """How PID 1 begins: the key for the login user, which a box gets from Vagrant, then what every lab machine runs."""
    directory, owner = f"/home/{USER}/.ssh", f"-o {USER_ID} -g {USER_ID}"
    put = f"install -d {owner} -m 0700 {directory} && install {owner} -m 0600 /dev/stdin {directory}/authorized_keys"
    return ("-c", f"echo {shlex.quote(public_key.strip())} | {{ {put}; }} && exec {ENTRY}")


def prepare(environment: Environment, cluster: Cluster, listen: Listener) -> None:
    """Get the image, find out which rights this machine grants, and save both beside Vagrant's own state."""
    environment.state.mkdir(mode=0o700, exist_ok=True)
    releases: dict[str, None] = dict.fromkeys(settings.release for _, settings in machines(cluster))
    with closing(engine.ensure(listen)) as client:
        images: dict[str, str] = {release: image.ensure(client, release, listen) for release in releases}
        rights = granted(client, next(iter(images.values())), _TRIAL)
    node = Node(
        images,
        (*create_args(node_config(rights)), *container_args()),
        command(state.public_key(environment.state)),
        USER,
        str(environment.state / state.KEY),
    )
    write_private(environment.state / FILE, TypeAdapter(Node).dump_json(node, indent=2).decode() + "\n")


def halt(ids: Collection[str]) -> None:
    """Shut down these containers in parallel; Vagrant, which halts one after the other, then finds them halted."""
    client = engine.reachable()
    if client is None:  # Vagrant reports it itself
        return
    with closing(client), ThreadPoolExecutor(max(1, len(ids))) as pool:
        # Other runs may be removing their own containers just now.
        running = [container for container in client.containers.list(ignore_removed=True) if container.id in ids]
        list(pool.map(lambda container: container.stop(timeout=int(HALT_TIMEOUT_S)), running))
