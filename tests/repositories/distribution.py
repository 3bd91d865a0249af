"""What a Debian of some release has besides the minimum and nodes need: from the bundle, or fetched once and kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from provisioner.bundle.debian.build import default_cache, machine_architecture, ready
from provisioner.bundle.debian.recipe import Recipe
from provisioner.bundle.debian.repository import ASK, MINIMAL, fetched, from_debian
from provisioner.bundle.debian.root import work_root
from provisioner.bundle.debian.stages import stages
from provisioner.bundle.debian.workspace import Stage, Work, finish, only_one
from provisioner.core.report import ignore
from provisioner.mirror import Source, of_machine

# apt in the root, asking for another release than the root's own.
ELSEWHERE = (
    "-oDir::State=/build/into/state",
    "-oDir::Cache=/build/into/cache",
    "-oDir::Etc::SourceList=/build/into/sources.list",
    "-oDir::Etc::SourceParts=/dev/null",
)
# Programs that releases have in packages of their own.
BESIDES = {"trixie": ("docker-cli",)}


def debian_packages(release: str) -> Path:
    """A directory with the packages of a Debian release that a minimal machine lacks; fetched when it is not there."""
    cache, recipe = default_cache(), Recipe(architecture=machine_architecture())
    if release == recipe.release:
        bundle = ready(cache, recipe)
        assert bundle, "no bundle in the cache: `provisioner bundle build` makes one"
        return bundle / "apt"
    root = stages(recipe)[0]
    wanted = (*from_debian(), *BESIDES.get(release, ()))
    make = partial(_fetch, of_machine(Path("/etc"), release), wanted)
    stage = Stage(f"debian-{release}", f"fetch packages of Debian {release}", make, (release, wanted), (root,))
    if not (cache / stage.directory).is_dir():
        with only_one(cache):
            finish(stage, cache, ignore)
    return cache / stage.directory


def _fetch(sources: tuple[Source, ...], wanted: tuple[str, ...], work: Work) -> None:
    root = work_root(work)
    (work.into / "sources.list").write_text("".join(f"{source.line()}\n" for source in sources))
    root.shell("mkdir -p state/lists/partial cache/archives/partial", "/build/into")
    root.run(["apt-get", *ELSEWHERE, "update"])
    needed, minimal = (fetched(root.read([*ASK, *ELSEWHERE, *names])) for names in (wanted, MINIMAL))
    lacking = [f"{name}={version}" for name, version in sorted(needed.items()) if name not in minimal]
    root.run(["apt-get", *ELSEWHERE, "download", *lacking], "/build/into")
    root.shell("rm -rf state cache sources.list", "/build/into")
