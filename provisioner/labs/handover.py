"""What a lab gives its user: host keys, the inventory, the ssh call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from docker.models.containers import Container

from provisioner.core.report import Listener, Note
from provisioner.labs import inventory, machines, state
from provisioner.labs.spec import Machine
from provisioner.paths import write_private


def write_known_hosts(home: Path, members: Iterable[Machine], containers: Mapping[str, Container]) -> None:
    """Learn the machines' host keys, again each time: a machine removed by hand comes back with other ones."""
    lines = [inventory.known_hosts(one, machines.host_keys(containers[one.name])) for one in members]
    write_private(home / state.KNOWN_HOSTS, "".join(lines))


def write_inventory(home: Path, members: Sequence[Machine], listen: Listener, kubernetes: str = "") -> None:
    """Write the inventory; one that the user has edited stays, since it is theirs."""
    path, made = home / state.INVENTORY, home / state.INVENTORY_MADE
    fresh, former, current = inventory.text(home.name, members, kubernetes), _read(made), _read(path)
    if current in (None, former, fresh):
        write_private(path, fresh)
    elif fresh != former:
        listen(Note(f"{path} was edited and is kept; the new version is in {made}"))
    write_private(made, fresh)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def ssh_command(home: Path, machine: Machine) -> list[str]:
    """The ssh call that opens a shell on a machine of the lab in `home`, without the user's own settings."""
    options = (
        # Quoted, because ssh splits this option at blanks and macOS has them in the state directory's name.
        f'UserKnownHostsFile="{home / state.KNOWN_HOSTS}"',
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "LogLevel=ERROR",
    )
    flags = [word for option in options for word in ("-o", option)]
    login = f"{machines.USER}@{machine.ssh_host}"
    return ["ssh", "-F", "none", "-i", str(home / state.KEY), *flags, "-p", str(machine.ssh_port), login]
