"""All of upstream's servers in one directory, with real packages behind real signatures."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.bundle.common.machine import machine_architecture
from provisioner.bundle.debian.recipe import OWN_PACKAGES, Recipe
from provisioner.bundle.debian.root import Root
from tests.repositories.distribution import packages_of
from tests.repositories.keys import SITE, Key, make_key, workshop
from tests.repositories.layouts import Layout, distribution_layout, docker_layout, legacy_layout, minor_layout, publish
from tests.repositories.packages import Package, companions, containerd_io, docker, empty_kubernetes, kubernetes
from tests.repositories.packing import by_name, pack

DOCKER_VERSIONS = {
    "bullseye": ("5:20.10.24~3-0~debian-bullseye",),
    "bookworm": ("5:20.10.23~3-0~debian-bookworm", "5:20.10.24~3-0~debian-bookworm"),
    "trixie": ("5:26.1.5-1~debian.13~trixie",),
    "jammy": ("5:20.10.24~3-0~ubuntu-jammy",),
    "noble": ("5:24.0.7-1~ubuntu.24.04~noble",),
}
CONTAINERD_VERSION, CRI_TOOLS_VERSION = "1.6.20-1", "1.20.0-1.1"
SERIES, NEWEST_SERIES = "1.20", "1.37"
OWNERS = {
    "kubernetes": "isv:kubernetes OBS Project <isv:kubernetes@build.opensuse.org>",
    "stranger": "isv:kubernetes OBS Project <isv:kubernetes@build.opensuse.org>",
    "docker": "Docker Release (CE deb) <docker@docker.com>",
    "legacy": "Rapture Automatic Signing Key (cloud-rapture-signing-key) <packages@cloud.example>",
    "distribution": "A distribution of the tests <tests@localhost>",
}


@dataclass(frozen=True, slots=True)
class Site:
    """The directory to serve, and the keys by name; `stranger` is another key with the name of Kubernetes'."""

    root: Root
    keys: dict[str, Key]

    @property
    def directory(self) -> Path:
        """What is served."""
        return self.root.binds[SITE]

    def rebuild_cri_tools(self) -> None:
        """Another file in the place of one, at the same version, and signed as it should be."""
        layout = minor_layout(SERIES, machine_architecture())
        rebuilt = Package("cri-tools", (CRI_TOOLS_VERSION,), texts={"usr/share/doc/cri-tools/rebuilt": "again\n"})
        _fill(self.root, layout, [rebuilt], [])
        _publish_old(self.root, layout, self.keys["kubernetes"])


def make_site(home: Path, releases: Sequence[str] = ("bookworm",)) -> Site:
    """Make everything below `home` (about 30 s), with packages for these releases, oldest first."""
    root = workshop(home)
    keys = {name: make_key(root, name, owner) for name, owner in OWNERS.items()}
    for release in releases:
        _distribution(root, keys["distribution"], release)
        _docker(root, keys["docker"], release)
    # What runs on the oldest runs on all: Kubernetes' packages are the same for every release.
    _kubernetes(root, keys, [packages_of(release) for release in (Recipe().release, releases[0])])
    return Site(root, keys)


def _distribution(root: Root, key: Key, release: str) -> None:
    layout = distribution_layout(release, machine_architecture())
    pool = _pool(root, layout)
    for deb in packages_of(release).glob("*.deb"):
        if deb.name.partition("_")[0] not in OWN_PACKAGES:
            shutil.copyfile(deb, pool / deb.name)
    publish(root, layout, key, machine_architecture())


def _docker(root: Root, key: Key, release: str) -> None:
    layout = docker_layout(release, machine_architecture())
    debs = [packages_of(release)]
    _fill(root, layout, (*docker(release, *DOCKER_VERSIONS[release]), containerd_io(CONTAINERD_VERSION)), debs)
    publish(root, layout, key, machine_architecture())


def _kubernetes(root: Root, keys: dict[str, Key], debs: list[Path]) -> None:
    """The old minor's repository still hands out its key as it was; the newest one has it renewed."""
    architecture = machine_architecture()
    old, newest = (minor_layout(series, architecture) for series in (SERIES, NEWEST_SERIES))
    legacy = legacy_layout(architecture)
    _fill(root, old, (*kubernetes("1.20.2-1.1"), *companions("1.1.1-1.1", CRI_TOOLS_VERSION)), debs)
    _fill(root, old, empty_kubernetes("1.20.1-1.1", "1.20.4-1.1"), debs)
    _fill(root, newest, (*empty_kubernetes("1.37.0-1.1", "1.37.1-1.1"), Package("cri-tools", ("1.37.0-1.1",))), debs)
    _fill(root, legacy, (*kubernetes("1.20.2-00", legacy=True), *companions("0.8.7-00", "1.13.0-01")), debs)
    _fill(root, legacy, empty_kubernetes("1.19.11-00", "1.20.1-00", "1.20.4-00"), debs)
    _publish_old(root, old, keys["kubernetes"])
    publish(root, newest, keys["kubernetes"], architecture)
    publish(root, legacy, keys["legacy"], architecture)


def _publish_old(root: Root, layout: Layout, key: Key) -> None:
    publish(root, layout, key, machine_architecture())
    (root.binds[SITE] / layout.base / layout.public_key).write_text(key.expired)


def _fill(root: Root, layout: Layout, packages: Iterable[Package], directories: list[Path]) -> None:
    pool, debs = _pool(root, layout), by_name(directories)
    for package in packages:
        pack(package, debs, pool)


def _pool(root: Root, layout: Layout) -> Path:
    pool = root.binds[SITE] / layout.base / layout.pool
    pool.mkdir(parents=True, exist_ok=True)
    return pool
