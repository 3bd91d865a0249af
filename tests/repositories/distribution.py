"""What a release of Debian or Ubuntu has besides the minimum, and nodes need: the bundle's, or fetched once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from provisioner.bundle.common.machine import default_cache, machine_architecture
from provisioner.bundle.common.mirror import AptSource, of_machine, parse_one_line
from provisioner.bundle.common.packages import MINIMAL, fetched
from provisioner.bundle.common.workspace import Stage, Work, finish, only_one
from provisioner.bundle.debian.build import ready
from provisioner.bundle.debian.recipe import Recipe
from provisioner.bundle.debian.repository import ASK, from_debian
from provisioner.bundle.debian.root import work_root
from provisioner.bundle.debian.stages import stages
from provisioner.core.report import ignore
from provisioner.labs import ubuntu
from provisioner.labs.spec import RELEASES

# apt in the root, asking for another release than the root's own.
ELSEWHERE = (
    "-oDir::State=/build/into/state",
    "-oDir::Cache=/build/into/cache",
    "-oDir::Etc::SourceList=/build/into/sources.list",
    "-oDir::Etc::SourceParts=/dev/null",
)
# Programs that releases have in packages of their own.
BESIDES = {"trixie": ("docker-cli",)}


def packages_of(release: str) -> Path:
    """A directory with the packages of a release that a minimal machine lacks; fetched when it is missing."""
    cache, recipe = default_cache(), Recipe(architecture=machine_architecture())
    if release == recipe.release:
        bundle = ready(cache, recipe)
        assert bundle, "no bundle in the cache: `provisioner bundle build` makes one"
        return bundle / "apt"
    root = stages(recipe)[0]
    wanted = (*from_debian(), *BESIDES.get(release, ()))
    distribution = RELEASES[release]
    fetch = partial(_fetch_debian if distribution == "debian" else _fetch_ubuntu, release, wanted)
    stage = Stage(f"{distribution}-{release}", f"fetch packages of {release}", fetch, (release, wanted), (root,))
    if not (cache / stage.directory).is_dir():
        with only_one(cache):
            finish(stage, cache, ignore)
    return cache / stage.directory


def _fetch_debian(release: str, wanted: tuple[str, ...], work: Work) -> None:
    _fetch(of_machine(Path("/etc"), release), wanted, work)


def _fetch_ubuntu(release: str, wanted: tuple[str, ...], work: Work) -> None:
    with ubuntu.source(release) as line:
        for source in parse_one_line(line):
            shutil.copyfile(source.keyring, work.into / "key.gpg")
            _fetch((replace(source, keyring="/build/into/key.gpg"),), wanted, work)


def _fetch(sources: tuple[AptSource, ...], wanted: tuple[str, ...], work: Work) -> None:
    root = work_root(work)
    (work.into / "sources.list").write_text("".join(f"{source.line()}\n" for source in sources))
    root.shell("mkdir -p state/lists/partial cache/archives/partial", "/build/into")
    root.run(["apt-get", *ELSEWHERE, "update"])
    needed, minimal = (fetched(root.read([*ASK, *ELSEWHERE, *names])) for names in (wanted, MINIMAL))
    lacking = [f"{name}={version}" for name, version in sorted(needed.items()) if name not in minimal]
    root.run(["apt-get", *ELSEWHERE, "download", *lacking], "/build/into")
    root.shell("rm -rf state cache sources.list key.gpg", "/build/into")
