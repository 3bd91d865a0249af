"""Container images of the runtime, loaded from archives of the bundle or pulled by digest.

Each runtime loads archives and lists names in its own way, which is its `Store`; full names are compared.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change

# What a run needs on a host only while it works; removed at its end, or by the next run.
SCRATCH = "/var/lib/provisioner/run"
_PULL_TIMEOUT_S = 900

# apt-helper exists on every Debian and Ubuntu, checks the hash itself, and needs neither curl nor wget.
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
LOAD
"""


@dataclass(frozen=True, slots=True)
class Store:
    """The images of a runtime.

    `told` lists their names, with one command however many images are desired; `load` is a line of shell that loads
    `$archive`, with the image named `$5`. `digests` lists lines of a name and the digest it was pulled by; `pull` pulls
    `$2`, which ends in a digest, and tags it `$1`. Both are empty where the runtime cannot do this.
    """

    told: Command
    load: str
    digests: Command | None = None
    pull: str = ""


def full_name(name: str) -> str:
    """A name as every runtime except Docker writes it: `docker.io/library/x:1` for `x:1`."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of this name in a store, from `archive` (a path inside the bundle) with that SHA-256."""

    name: str
    archive: str
    sha256: str
    place: str
    store: Store

    @property
    def key(self) -> str:
        """`image NAME`."""
        return f"image {self.name}"

    def probe(self) -> Command:
        """The names of all images: the batch runs this command once, however many images are desired."""
        return self.store.told

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Load it."""
        if full_name(self.name) in map(full_name, seen.stdout.split()):
            return None
        script = _LOAD.replace("LOAD\n", f"{self.store.load}\n")
        load = shell(script, self.place, self.archive, self.sha256, SCRATCH, self.name, timeout_s=900)
        return Change(f"load image {self.name}", (load,), diff=f"+{self.name} (archive {self.sha256[:12]})\n")


@dataclass(frozen=True, slots=True)
class PinnedImage:
    """An image of this name, pulled from its registry by this digest, whatever the registry has under the name now."""

    name: str
    digest: str
    store: Store

    @property
    def key(self) -> str:
        """`image NAME`."""
        return f"image {self.name}"

    def probe(self) -> Command:
        """The digests of all images: the batch runs this command once, however many images are desired."""
        return self.store.digests or self.store.told

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Pull it by its digest, and tag it with its name."""
        rows = [line.split() for line in seen.stdout.splitlines()]
        there = [row[1] for row in rows if len(row) == 2 and full_name(row[0]) == full_name(self.name)]
        if self.digest in there or not self.store.pull:
            return None
        pull = shell(self.store.pull, self.name, f"{_untagged(self.name)}@{self.digest}", timeout_s=_PULL_TIMEOUT_S)
        lines = [*(f"-{self.name}@{digest}" for digest in there), f"+{self.name}@{self.digest}"]
        return Change(f"pull image {self.name} by digest", (pull,), diff="".join(f"{line}\n" for line in lines))


def _untagged(name: str) -> str:
    return name.rpartition(":")[0]
