"""Container images that the runtime has, loaded from archives of the bundle."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.docker import docker_told

# What a run needs on a machine only as long as it works; removed by it, or by the next one.
SCRATCH = "/var/lib/provisioner/run"

# apt-helper is on every Debian and Ubuntu, checks the hash itself, and needs neither curl nor wget.
_LOAD = """
archive=$4/image.tar.gz
mkdir -p "$4"
source=$(cat "$1")
case $source in
  file:*)
    archive="${source#file:}/$2"
    printf '%s  %s\\n' "$3" "$archive" | sha256sum --check --quiet
    ;;
  *)
    trap 'rm -f "$archive"' EXIT
    /usr/lib/apt/apt-helper -qq download-file "$source/$2" "$archive" "SHA256:$3"
    ;;
esac
docker load --quiet --input "$archive"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of this name in Docker, from `archive` (a path inside the bundle) with that SHA-256."""

    name: str
    archive: str
    sha256: str
    place: str

    @property
    def key(self) -> str:
        """`image NAME`."""
        return f"image {self.name}"

    def probe(self) -> Command:
        """The names of all images: one question, which the batch asks once however many images are wished for."""
        return docker_told()

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Load it."""
        if self.name in seen.stdout.split():
            return None
        load = shell(_LOAD, self.place, self.archive, self.sha256, SCRATCH, timeout_s=900)
        return Change(f"load image {self.name}", (load,), diff=f"+{self.name} (archive {self.sha256[:12]})\n")
