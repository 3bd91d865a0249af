"""The whole bundle, put together in one directory: packages, images, and the manifest about them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from provisioner.bundle.common.images import IMAGE_ROLES, PROBE_IMAGE, short_name
from provisioner.bundle.common.machine import machine_architecture
from provisioner.bundle.common.manifest import (
    APT,
    APT_KEY,
    EVERYWHERE,
    IMAGES,
    MANIFEST,
    MANIFESTS,
    Content,
    Distribution,
    Kind,
    Manifest,
    Missing,
)
from provisioner.bundle.common.process import ENDED_WITH_US, SPEAKER, Runner
from provisioner.bundle.common.reading import content
from provisioner.bundle.common.workspace import Work
from provisioner.bundle.upstream import images, networks, packages
from provisioner.bundle.upstream.apt import Apt, Package
from provisioner.bundle.upstream.images import Fetcher
from provisioner.bundle.upstream.registry import Registry
from provisioner.bundle.upstream.repositories import definitions, repositories
from provisioner.bundle.upstream.request import Request
from provisioner.bundle.upstream.signing import file_name
from provisioner.core.report import Listener, step

INDEXES = ("InRelease", "Packages", "Packages.gz", "Release")
# Below the bundle while it is made: temporary files that are not part of it.
WORK = ".work"


def make_bundle(request: Request, work: Work) -> None:
    """The stage: everything is fetched, or taken over from an earlier run that was killed, and written."""
    Making(request, work).make()


@dataclass(frozen=True)
class Making:
    """One bundle that is being made."""

    request: Request
    work: Work

    def make(self) -> None:
        """Everything, in order."""
        bundle = self.work.into
        for directory in (APT, IMAGES, MANIFESTS, WORK):
            (bundle / directory).mkdir()
        with step(self.listen, SPEAKER, "ask the repositories what they have"):
            chosen = self._chosen()
        with step(self.listen, SPEAKER, "fetch packages"):
            members = self._packages(chosen)
        with step(self.listen, SPEAKER, "fetch images"):
            contents = (*self._images(members), self._probe(), *self._manifests())
        shutil.rmtree(bundle / WORK)
        self._write_manifest((*contents, *self._contents(members), *_indexes(bundle)))

    @cached_property
    def runner(self) -> Runner:
        """Runs commands, none of which needs root."""
        return replace(self.work.runner, inside=ENDED_WITH_US)

    @cached_property
    def apt(self) -> Apt:
        """apt for the hosts that the bundle is for."""
        return Apt(self.work.into / WORK / "apt", self.runner)

    @property
    def listen(self) -> Listener:
        """The listener that receives the progress."""
        return self.work.runner.listen

    @property
    def _kept(self) -> Path:
        return self.work.kept / "packages"

    def _chosen(self) -> dict[str, str]:
        keys = self.work.into / WORK / "keys"
        keys.mkdir()
        self.apt.prepare(self.request.architecture, definitions(self.request, keys))
        return packages.choose(self.request, self.apt)

    def _packages(self, chosen: dict[str, str]) -> tuple[Package, ...]:
        wanted = [*(f"{name}={version}" for name, version in chosen.items()), *packages.TOOLS]
        members = packages.fetch(wanted, self.apt, self._kept, self.listen)
        packages.make_repository(members, self._kept, self.work.into / APT, self.request, self.apt)
        return members

    def _images(self, members: tuple[Package, ...]) -> Iterator[Content]:
        kubeadm = self._program(members, "kubeadm")
        wanted = images.wanted(self.request, kubeadm, self.runner, machine_architecture())
        references = (*wanted, *networks.images(self.request))
        fetcher = Fetcher(Registry(self.request.addresses.registry), self.work.kept / "blobs", self.listen)
        found = fetcher.find(references, self.request.architecture)
        fetcher.fetch(found)
        for reference, pulled in found.items():
            file = images.write(reference, pulled, fetcher, self.work.into / IMAGES, self.request.architecture)
            yield self._image(file, reference, f"{fetcher.registry.host(reference)}, sha256:{pulled.digest}")

    def _probe(self) -> Content:
        found = packages.fetch((packages.BUSYBOX,), self.apt, self._kept, self.listen)
        busybox = self._program(found, "busybox", packages.BUSYBOX)
        file = images.write_probe(busybox, self.work.into / IMAGES, self.request.architecture)
        return self._image(file, PROBE_IMAGE, f"{packages.BUSYBOX} {found[0].version}")

    def _manifests(self) -> Iterator[Content]:
        for file, origin in networks.write(self.request, self.work.into / MANIFESTS):
            yield content(self.work.into, f"{MANIFESTS}/{file}", Kind.MANIFEST, file, origin=origin)

    def _program(self, members: tuple[Package, ...], program: str, name: str = "") -> Path:
        package = next(package for package in members if package.name == (name or program))
        tree = self.work.into / WORK / package.name
        self.runner.run(["dpkg-deb", "--extract", str(self._kept / package.file), str(tree)])
        return next(path for path in (tree / "usr/bin" / program, tree / "bin" / program) if path.is_file())

    def _image(self, file: str, reference: str, origin: str) -> Content:
        # CoreDNS can run on any node.
        roles = IMAGE_ROLES.get(short_name(reference), EVERYWHERE)
        more = {"version": reference.rpartition(":")[2], "origin": origin, "roles": roles}
        return content(self.work.into, f"{IMAGES}/{file}", Kind.IMAGE, reference, **more)

    def _contents(self, members: tuple[Package, ...]) -> Iterator[Content]:
        product = {want.package: product for product, wants in self.request.wants.items() for want in wants}
        places = {one.product: one.place for one in repositories(self.request)}
        for package in members:
            origin = places.get(product.get(package.name, ""), self.request.distribution)
            more = {"version": package.version, "origin": origin, "roles": EVERYWHERE}
            yield content(self.work.into, f"{APT}/{file_name(package)}", Kind.PACKAGE, package.name, **more)

    def _write_manifest(self, contents: tuple[Content, ...]) -> None:
        machines, at = self.request.machines, self.request.addresses
        manifest = Manifest(
            kubernetes_version=str(self.request.version),
            distribution=Distribution(
                id=machines.id, codename=machines.codename, architecture=self.request.architecture
            ),
            created=datetime.now(UTC).replace(microsecond=0),
            origin=f"packages from {at.kubernetes} and {at.docker}, images from {at.registry or 'their registries'}",
            contents=contents,
            missing=tuple(
                Missing(name=name, reason="left out when the bundle was built")
                for name in images.left_out(self.request)
            ),
        )
        (self.work.into / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _indexes(bundle: Path) -> Iterator[Content]:
    for name in INDEXES:
        yield content(bundle, f"{APT}/{name}", Kind.INDEX, name)
    yield content(bundle, APT_KEY, Kind.KEY, Path(APT_KEY).name)
