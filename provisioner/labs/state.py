"""What a lab keeps on this machine, in one private directory: key, host keys, inventory, record.

<state>/labs/<name>/    id_ed25519  known_hosts  inventory.yaml  lab.json     gone after `down`
<state>/engine/         dockerd.log  dockerd.pid                              an engine started by hand
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provisioner.errors import LabError, LockHeldError
from provisioner.paths import labs_directory, state_directory, write_private

KEY, KNOWN_HOSTS, INVENTORY, RECORD = "id_ed25519", "known_hosts", "inventory.yaml", "lab.json"
# The inventory as it was made, to detect whether the user has edited theirs.
INVENTORY_MADE = ".inventory.made.yaml"
POLL_S = 0.2
# A lab's name becomes part of the names of containers and of a network.
NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,30}")


def directory(name: str) -> Path:
    """The directory of the lab `name`, whether it exists or not. Raises LabError when the name is not valid."""
    if not NAME_PATTERN.fullmatch(name):
        raise LabError(
            f"{name!r} is not a valid name for a lab",
            hint="use lower-case letters, digits and dashes, a letter first, at most 31 characters",
        )
    return labs_directory() / name


def engine_directory() -> Path:
    """Log and pid file of an engine that was started by hand."""
    return state_directory() / "engine"


def names() -> tuple[str, ...]:
    """Labs that have a state directory, sorted."""
    return tuple(sorted(path.name for path in labs_directory().glob("*/")))


def public_key(home: Path) -> str:
    """The lab's public key in OpenSSH's form; the pair is made (0600) when there is none."""
    path = home / KEY
    if not path.exists():
        write_private(path, _new_private_key())
    private = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} provisioner-lab-{home.name}\n"


def _new_private_key() -> str:
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )


def forget(home: Path) -> None:
    """Remove a directory of the state and the empty directories above it."""
    shutil.rmtree(home, ignore_errors=True)
    for parent in (home.parent, home.parent.parent):
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


@contextmanager
def locked(home: Path, wait_s: float = 0.0) -> Iterator[Path]:
    """Lock `home` (made 0700 when missing) for this process; the lock ends with the process or the directory.

    Raises LockHeldError when another run still holds it after `wait_s`.
    """
    deadline_s = time.monotonic() + wait_s
    while (descriptor := _locked_descriptor(home)) is None:
        if time.monotonic() >= deadline_s:
            raise LockHeldError(f"another run works on {home}", hint="wait until it has ended, then run again")
        time.sleep(POLL_S)
    try:
        yield home
    finally:
        os.close(descriptor)


def _locked_descriptor(home: Path) -> int | None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if _is_still(home, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_still(home: Path, descriptor: int) -> bool:
    """Whether the locked directory is the one at that path: its last holder may have removed it."""
    try:
        return os.path.samestat(home.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
