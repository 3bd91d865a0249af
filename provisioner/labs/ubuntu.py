"""Ubuntu's archive, for lab machines on any system: its key is the one of this machine, or fetched and checked."""

from __future__ import annotations

import hashlib
import platform
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from provisioner.errors import BuildError
from provisioner.labs.processes import run

ARCHIVE, PORTS = "http://archive.ubuntu.com/ubuntu", "http://ports.ubuntu.com/ubuntu-ports"
COMPONENTS = ("main", "universe")
OWN_KEYRING = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
# Ubuntu 24.04's package of the archive's keys. Debian has none in every release.
PACKAGE = f"{ARCHIVE}/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
PACKAGE_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"
TIMEOUT_S = 60.0


@contextmanager
def source(release: str) -> Iterator[str]:
    """The line of apt's sources for a release, while it is needed. BuildError when its key cannot be obtained."""
    address = ARCHIVE if platform.machine() == "x86_64" else PORTS
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # apt reads the key as its own user
        key = OWN_KEYRING if OWN_KEYRING.is_file() else _fetched_keyring(directory)
        yield f"deb [signed-by={key}] {address} {release} {' '.join(COMPONENTS)}"


def _fetched_keyring(directory: Path) -> Path:
    package = directory / "ubuntu-keyring.deb"
    try:
        with urllib.request.urlopen(PACKAGE, timeout=TIMEOUT_S) as answer:  # noqa: S310 - a constant address
            content: bytes = answer.read()
    except OSError as error:
        raise BuildError(f"{PACKAGE}: {error}", hint="install ubuntu-keyring, or fix the connection") from error
    if hashlib.sha256(content).hexdigest() != PACKAGE_SHA256:
        raise BuildError(f"{PACKAGE}: its SHA-256 is not {PACKAGE_SHA256}", hint="install ubuntu-keyring instead")
    package.write_bytes(content)
    run(["dpkg-deb", "--extract", str(package), str(directory)], timeout_s=TIMEOUT_S)
    return directory / OWN_KEYRING.relative_to("/")
