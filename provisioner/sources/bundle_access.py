"""How a host reaches the bundle: a repository apart from the host's own, whose address is in a file.

The engine makes the bundle reachable before the first step, and unreachable after the last: it writes `PLACE` with the
address of the bundle, `http://127.0.0.1:PORT` inside the SSH connection, or `file:DIRECTORY` after an upload.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.images import SCRATCH
from provisioner.resources.repositories import AptRepository
from provisioner.world.view import View

# A line `http://127.0.0.1:7642` or `file:/var/lib/provisioner/run/bundle`; removed after the run and by a reboot.
PLACE = "/run/provisioner/bundle"
# The same for apt's mirror method, which needs the address of the repository itself.
APT_MIRRORS = "/run/provisioner/bundle-apt"
# Temporary files of a run are in SCRATCH, with the run's id: removed at the end of the run, or by the next one.
UPLOADED = f"{SCRATCH}/bundle"
_RUN_DIRECTORY = "/run/provisioner"

_OTHER_RUN = 'if [ "$(cat "$2/id" 2>/dev/null)" != "$1" ]; then'
_GONE = 'rm -rf -- "$2" "$3"'


def opened(run: str, address: str) -> Command:
    """Write the bundle's current address (no slash at its end) to its files; first remove leftovers of another run."""
    script = f"""
    {_OTHER_RUN} {_GONE}; fi
    mkdir -p "$2" "$3"
    printf "%s\\n" "$1" >"$2/id"
    printf "%s\\n" "$4" >"$5"
    printf "%s/apt/\\n" "$4" >"$6"
    """
    return shell(script, run, SCRATCH, _RUN_DIRECTORY, address, PLACE, APT_MIRRORS)


def closed() -> Command:
    """Make the bundle unreachable; uploaded files are removed, too."""
    return shell('rm -rf -- "$1" "$2"', SCRATCH, _RUN_DIRECTORY)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """No leftovers of an earlier run that was interrupted: the address of its bundle, the files that it uploaded."""

    run: str

    @property
    def key(self) -> str:
        """`leftovers`."""
        return "leftovers"

    def probe(self) -> Command:
        """Which of its paths exist and do not belong to this run."""
        return self._unless_own('for path in "$2" "$3"; do if [ -e "$path" ]; then echo "$path"; fi; done')

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Remove them; files of this run that have replaced them meanwhile stay."""
        if not seen.stdout.strip():
            return None
        lines = "".join(f"-{path}\n" for path in seen.stdout.splitlines())
        return Change("remove what an interrupted run has left", (self._unless_own(_GONE),), diff=lines, own=True)

    def _unless_own(self, script: str) -> Command:
        return shell(f"{_OTHER_RUN} {script}; fi", self.run, SCRATCH, _RUN_DIRECTORY)


def repository(view: View) -> AptRepository:
    """The bundle's apt repository as a host sees it."""
    return AptRepository(
        "bundle", f"mirror+file:{APT_MIRRORS}", view.materials.bundle_key, directory="/etc/provisioner/apt"
    )
