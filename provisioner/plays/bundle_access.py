"""How a node reaches the bundle: a repository of its own, apart from the machine's, behind a file that says where.

The engine opens the way before the first step and closes it after the last: it writes `PLACE` with the address of
the bundle, `http://127.0.0.1:PORT` inside the SSH connection or `file:DIRECTORY` where it had to be uploaded.
"""

from __future__ import annotations

from provisioner.core.command import Command, shell
from provisioner.core.play import View
from provisioner.resources.repositories import AptRepository

# A line `http://127.0.0.1:7642` or `file:/var/lib/provisioner/bundle`; gone after the run and after a reboot.
PLACE = "/run/provisioner/bundle"
# The same for apt's mirror method, which wants the address of the repository itself.
APT_MIRRORS = "/run/provisioner/bundle-apt"
UPLOADED = "/var/lib/provisioner/bundle"


def opened(address: str) -> Command:
    """Write down where the bundle is now, an address without a slash at its end."""
    script = 'mkdir -p "$(dirname "$1")"; printf "%s\\n" "$3" >"$1"; printf "%s/apt/\\n" "$3" >"$2"'
    return shell(script, PLACE, APT_MIRRORS, address)


def closed() -> Command:
    """The bundle is not to be had any more; what had to be uploaded goes too."""
    return shell('rm -rf -- "$(dirname "$1")" "$2"', PLACE, UPLOADED)


def repository(view: View) -> AptRepository:
    """The bundle's apt repository as a node sees it."""
    return AptRepository("bundle", f"mirror+file:{APT_MIRRORS}", view.bundle_key, directory="/etc/provisioner/apt")
