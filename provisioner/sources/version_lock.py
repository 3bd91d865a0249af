"""Exact versions, recorded once, so that every run and every host gets the same: `INVENTORY.versions.lock`.

It has nothing to do with the run lock, which keeps two runs on a cluster apart. Pure: the session reads and writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from provisioner.bundle.common.manifest import Kind
from provisioner.catalog.kubernetes import release
from provisioner.inventory.model import Host
from provisioner.sources.keys import found, key_of
from provisioner.sources.repository import PRODUCTS, repository
from provisioner.sources.wanted import versions_for
from provisioner.world.derived import images
from provisioner.world.offers import Answer, Offer
from provisioner.world.view import View


class _Value(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class LockedPackage(_Value):
    """A package at a version; `sha256` is its file's, empty where the source does not have that version any more."""

    name: str
    version: str
    sha256: str


class LockedProduct(_Value):
    """A product's packages on one platform, such as `debian bookworm amd64`, from one source with one key."""

    platform: str
    product: str
    source: str
    fingerprints: list[str]
    key: str
    packages: list[LockedPackage]


class LockedImage(_Value):
    """An image that kubeadm asks for; `archive_sha256` is that of its archive in the bundle, if it comes from one.

    Otherwise `digest` is what its name refers to at its registry, as `sha256:...`; empty in older files.
    """

    name: str
    archive_sha256: str
    digest: str = ""


class VersionLock(_Value):
    """All that was resolved for a cluster."""

    format: Literal[1] = 1
    kubernetes_version: str
    products: list[LockedProduct]
    images: list[LockedImage]


def path_for(inventory: Path) -> Path:
    """The lock file of an inventory: beside it, and named after it."""
    return inventory.parent / f"{inventory.stem}.versions.lock"


def lock_of(view: View, digests: Mapping[str, str] | None = None) -> VersionLock:
    """What the sources have answered, limited to what is desired: the answers of the first host of each platform count.

    `digests` are the digests of the images that the registries have returned, by name.
    """
    products: dict[tuple[str, str], LockedProduct] = {}
    for host in view.hosts:
        for product in _products(view, host):
            products.setdefault((product.platform, product.product), product)
    version = view.cluster.settings.kubernetes_version
    ordered = [products[place] for place in sorted(products)]
    return VersionLock(kubernetes_version=str(version), products=ordered, images=list(_images(view, digests or {})))


def _products(view: View, host: Host) -> Iterator[LockedProduct]:
    for product in PRODUCTS:
        one = repository(view, host, product)
        if one is None:
            continue
        answer = view.observed.answers.get((host.name, product), Answer())
        key = key_of(view, host, one)
        packages = [
            LockedPackage(name=name, version=version, sha256=answer.sha256(name, version))
            for name, version in sorted(versions_for(view, host, product).items())
        ]
        yield LockedProduct(
            platform=view.observed.facts[host.name].platform,
            product=product,
            source=one.place,
            fingerprints=[each.fingerprint for each in found(key)],
            key=key,
            packages=packages,
        )


def _images(view: View, digests: Mapping[str, str]) -> Iterator[LockedImage]:
    if view.materials.bundle and view.cluster.settings.images_in_bundle:
        names = {image.name: image.sha256 for image in view.materials.bundle.of_kind(Kind.IMAGE)}
    else:
        names = dict.fromkeys(from_registries(view), "")
    return (
        LockedImage(name=name, archive_sha256=archive, digest=digests.get(name, ""))
        for name, archive in sorted(names.items())
    )


def from_registries(view: View) -> tuple[str, ...]:
    """The images that come from registries, as far as the catalog knows them: which tags kubeadm asks for."""
    settings = view.cluster.settings
    known = release(settings.kubernetes_version.series) and not settings.images_in_bundle
    return tuple(sorted(images(view).values())) if known else ()


def image_digests(lock: VersionLock) -> dict[str, str]:
    """The locked digests of images that come from registries, by name."""
    return {image.name: image.digest for image in lock.images if image.digest}


def image_drift(lock: VersionLock, digests: Mapping[str, str]) -> tuple[str, ...]:
    """Which names of images refer to something else at their registries now."""
    pairs = ((name, was, digests.get(name, "")) for name, was in image_digests(lock).items())
    return tuple(
        f"image {name} has another digest now ({now})" if now else f"image {name} does not exist any more"
        for name, was, now in pairs
        if now != was
    )


def answers(lock: VersionLock) -> dict[tuple[str, str], Answer]:
    """The lock's content as answers, instead of those of the sources, by platform and product."""
    return {
        (one.platform, one.product): Answer(
            tuple(Offer(each.name, each.version, each.sha256) for each in one.packages), one.key, pinned=one.source
        )
        for one in lock.products
    }


def changes(before: VersionLock, after: VersionLock) -> tuple[str, ...]:
    """The differences, one readable line each."""
    lines = [
        f"{name}: {was or '(none)'} -> {now or '(none)'}"
        for name, was, now in _pairs(_facts(before), _facts(after))
        if was != now
    ]
    return tuple(lines)


def drift(lock: VersionLock, view: View) -> tuple[str, ...]:
    """What the sources no longer have as it was locked: versions, files, keys."""
    lines: dict[str, None] = {}
    for host in view.hosts:
        for one in lock.products:
            answer = view.observed.answers.get((host.name, one.product))
            if answer and one.platform == view.observed.facts[host.name].platform:
                lines |= dict.fromkeys(_drift_of(one, answer))
    return tuple(lines)


def _drift_of(one: LockedProduct, answer: Answer) -> Iterator[str]:
    keys = {key.fingerprint for key in found(answer.keys)}
    if answer.keys and not keys.issuperset(one.fingerprints):
        # Reported alone: apt then only says that nothing is signed.
        was = ", ".join(one.fingerprints)
        yield f"{one.source}: its key is {', '.join(sorted(keys)) or 'unreadable'} now, and was {was}"
        return
    if answer.trouble:
        yield f"{one.source}: {answer.trouble.splitlines()[-1]}"
        return
    for package in one.packages:
        now = answer.sha256(package.name, package.version)
        if package.version not in answer.versions(package.name):
            yield f"{one.source}: {package.name} {package.version} does not exist any more"
        elif package.sha256 and now != package.sha256:
            yield f"{one.source}: {package.name} {package.version} is a different file now (SHA-256 {now})"


def _facts(lock: VersionLock) -> dict[str, str]:
    told = {"Kubernetes": lock.kubernetes_version}
    for one in lock.products:
        told[f"{one.platform}: source of {one.product}"] = one.source
        told[f"{one.platform}: key of {one.product}"] = ", ".join(one.fingerprints)
        for package in one.packages:
            told[f"{one.platform}: {package.name}"] = package.version
            told[f"{one.platform}: file of {package.name}"] = package.sha256
    return told | {f"image {image.name}": image.archive_sha256 or image.digest or "there" for image in lock.images}


def _pairs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    return ((name, before.get(name, ""), after.get(name, "")) for name in dict.fromkeys([*before, *after]))
