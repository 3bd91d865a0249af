"""A separate Debian root to build in, and how commands run in it. mmdebstrap makes the root once; each command runs
in it with the mounts that it needs, which exist only while it runs (see `process.CONTAINED`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.bundle.common.machine import machine_apt_options, proxies
from provisioner.bundle.common.mirror import AptSource, parse_one_line
from provisioner.bundle.common.process import Runner
from provisioner.bundle.common.workspace import Work
from provisioner.bundle.debian.recipe import BUILD_TOOLS, IMAGE_SOURCES, Recipe

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# apt runs as root in a root that nothing else uses: no recommends, no translations, and no need of the user _apt.
APT_SETTINGS = (
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'APT::Sandbox::User "root";',
)
# Mounts, then the command itself; $1 is the root, then pairs "source target", then -- and the command.
# The mirror's name and certificates are looked up as on this machine, so these files are mounted into the root.
ENTER = """
root=$1; shift
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    if [ -e "$file" ] && [ -e "$root$file" ]; then mount --bind "$file" "$root$file"; fi
done
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
directory=$1; shift
exec chroot "$root" /usr/bin/env --chdir="$directory" -- "$@"
"""


@dataclass(frozen=True, slots=True)
class Root:
    """A root to run in: `binds` maps paths in it to directories of this machine, `runner` has the log."""

    path: Path
    runner: Runner
    binds: Mapping[str, Path] = field(default_factory=dict)

    def run(self, argv: Sequence[str], directory: str = "/", **env: str) -> None:
        """Run a command in the root; BuildError when it fails."""
        self.runner.run(self._argv(argv, directory), ENVIRONMENT | proxies() | env)

    def read(self, argv: Sequence[str], directory: str = "/", **env: str) -> str:
        """Run a command in the root and return its standard output; BuildError when it fails."""
        return self.runner.read(self._argv(argv, directory), ENVIRONMENT | proxies() | env)

    def shell(self, script: str, directory: str = "/", **env: str) -> None:
        """Run a shell script in the root that stops at its first failure."""
        self.run(["sh", "-euc", script], directory, **env)

    def update(self) -> None:
        """Fetch the mirror's current package lists."""
        self.run(["apt-get", "update"])

    def _argv(self, argv: Sequence[str], directory: str) -> list[str]:
        binds = [part for target, source in self.binds.items() for part in (str(source), target)]
        return ["sh", "-euc", ENTER, "enter", str(self.path), *binds, "--", directory, *argv]


def work_root(work: Work, binds: Mapping[str, Path] | None = None) -> Root:
    """The finished root for a stage: the stage's directory at /build/into, and `binds` where they say."""
    return Root(work.done["root"], work.runner, {"/build/into": work.into} | dict(binds or {}))


def make_root(recipe: Recipe, sources: tuple[AptSource, ...], work: Work) -> None:
    """The stage: bootstrap a root with all build tools, and let it fetch sources too."""
    include = ",".join(sorted((*BUILD_TOOLS, *IMAGE_SOURCES)))
    work.runner.run([
        "mmdebstrap", "--mode=root", "--variant=apt", "--format=directory",
        f"--architectures={recipe.architecture}", f"--include={include}",
        *(f"--aptopt={option}" for option in (*APT_SETTINGS, *machine_apt_options())),
        "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/doc/*",
        recipe.release, str(work.into), *(source.line() for source in sources),
    ])  # fmt: skip
    _allow_sources(work.into)
    for path in ("etc/resolv.conf", "etc/hosts"):
        (work.into / path).touch()


def _allow_sources(root: Path) -> None:
    lists = [root / "etc/apt/sources.list", *sorted((root / "etc/apt/sources.list.d").glob("*.list"))]
    found = [source for path in lists if path.is_file() for source in parse_one_line(path.read_text("utf-8"))]
    for source in found:
        _copy_keyring(source, root)
    for path in lists[1:]:
        path.unlink()
    text = "".join(f"{source.line(kind)}\n" for source in dict.fromkeys(found) for kind in ("deb", "deb-src"))
    lists[0].write_text(text, encoding="utf-8")


def _copy_keyring(source: AptSource, root: Path) -> None:
    inside = root / source.keyring.lstrip("/")
    if source.keyring and not inside.is_file():
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_bytes(Path(source.keyring).read_bytes())
