"""How machines that Vagrant has made are reached: Vagrant is asked, and host keys are learnt over its own channel."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import paramiko
from pydantic import TypeAdapter, ValidationError

from provisioner.core.report import Listener, Note
from provisioner.errors import StepError
from provisioner.inventory.model import Cluster, Host
from provisioner.inventory.ssh import SSH_PORT
from provisioner.inventory.vagrant_rules import machines
from provisioner.labs import engine, inventory, state
from provisioner.labs.machines import host_keys
from provisioner.labs.vagrant import program
from provisioner.labs.vagrant.program import Environment
from provisioner.paths import write_private

DOCKER = "docker"
KEYS = "host-keys.json"
_TYPES = ("ssh-", "ecdsa-")
_READ = "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_ecdsa_key.pub /etc/ssh/ssh_host_rsa_key.pub; true"


@dataclass(frozen=True, slots=True)
class Learnt:
    """The host keys (`TYPE KEY`) of the machine with that id of the provider's; a recreated machine has another id."""

    id: str
    keys: tuple[str, ...]


def located(cluster: Cluster, listen: Listener) -> Cluster:
    """The cluster with address, port, user, key and host keys of each machine as Vagrant has them now.

    A cluster without Vagrant's machines is returned unchanged. Raises what `program` raises. A machine that does not
    run keeps its own address, at which nothing will answer.
    """
    if not machines(cluster):
        return cluster
    environment = program.find(cluster)
    config = program.ssh_config(environment)
    reached = config.get_hostnames()
    hosts = tuple(_reached(host, config) if host.name in reached else _silent(host, listen) for host in cluster.hosts)
    known = _learn(environment, [host for host in hosts if host.name in reached], listen)
    ssh = cluster.settings.ssh.model_copy(update={"known_hosts": known, "user_config": False})
    nested = cluster.settings.nested or _provider(environment, hosts[0].name) == DOCKER
    settings = cluster.settings.model_copy(update={"ssh": ssh, "nested": nested})
    return cluster.model_copy(update={"hosts": hosts, "settings": settings})


def _reached(host: Host, config: paramiko.SSHConfig) -> Host:
    found = config.lookup(host.name)
    # A path with blanks is quoted, and paramiko keeps the quotes.
    key = Path(found["identityfile"][0].strip('"'))
    way = {"address": found["hostname"], "port": int(found.get("port", SSH_PORT)), "user": found.get("user")}
    return host.model_copy(update={**way, "private_key_file": key, "become": True})


def _silent(host: Host, listen: Listener) -> Host:
    listen(Note(f"{host.name}: Vagrant says that it does not run; `provisioner lab resume` starts it"))
    return host.model_copy(update={"address": str(host.node_ip)})


def _learn(environment: Environment, hosts: list[Host], listen: Listener) -> Path:
    """The known_hosts file, with keys learnt from machines that are new; each has its own line for its port."""
    record, file = environment.state / KEYS, environment.state / state.KNOWN_HOSTS
    known = _recorded(record)
    ids = {host.name: _id(environment, host.name) for host in hosts}
    new = [name for name, id_ in ids.items() if name not in known or known[name].id != id_]
    with ThreadPoolExecutor(max(1, len(new))) as pool:
        keys = dict(zip(new, pool.map(partial(_keys, environment), new), strict=True))
    for name in (name for name in new if name in known):
        listen(Note(f"{name} was recreated; its new host key is learnt from Vagrant"))
    known |= {name: Learnt(ids[name], found) for name, found in keys.items()}
    lines = (inventory.known_host(host.address, host.port or SSH_PORT, known[host.name].keys) for host in hosts)
    write_private(file, "".join(lines))
    if new:
        write_private(record, TypeAdapter(dict[str, Learnt]).dump_json(known, indent=2).decode() + "\n")
    return file


def _recorded(file: Path) -> dict[str, Learnt]:
    """What was learnt before; nothing when the file is missing or damaged: it is learnt again."""
    try:
        return TypeAdapter(dict[str, Learnt]).validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}


def ids(environment: Environment, machine: str) -> Mapping[str, str]:
    """The machine's id by provider, as Vagrant keeps it; empty when it does not exist."""
    files = sorted((environment.state / "machines" / machine).glob("*/id"))
    return {file.parent.name: file.read_text().strip() for file in files}


def _id(environment: Environment, machine: str) -> str:
    return next(iter(ids(environment, machine).values()), "")


def _provider(environment: Environment, machine: str) -> str:
    return next(iter(ids(environment, machine)), environment.provider)


def _keys(environment: Environment, machine: str) -> tuple[str, ...]:
    """The machine's public host keys, over the engine or Vagrant's SSH, not over the connection that they secure."""
    found = ids(environment, machine)
    keys = _keys_in_engine(found[DOCKER]) if DOCKER in found else _keys_over_ssh(environment, machine)
    if not keys:
        hint = f"does /etc/ssh there have a key? Look: vagrant ssh {machine}"
        raise StepError(f"{machine}: its host key cannot be read over Vagrant", hint=hint)
    return keys


def _keys_in_engine(container: str) -> tuple[str, ...]:
    client = engine.reachable()
    if client is None:
        return ()
    with closing(client):
        return host_keys(client.containers.get(container))


def _keys_over_ssh(environment: Environment, machine: str) -> tuple[str, ...]:
    lines = (line.split() for line in program.ssh(environment, machine, _READ).splitlines())
    return tuple(f"{words[0]} {words[1]}" for words in lines if len(words) > 1 and words[0].startswith(_TYPES))
