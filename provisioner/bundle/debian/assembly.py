"""The last stage: the finished parts are put together to a bundle, and its manifest is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from provisioner.bundle.common.manifest import (
    APT,
    APT_KEY,
    EVERYWHERE,
    IMAGES,
    MANIFEST,
    Content,
    Distribution,
    Kind,
    Manifest,
    Missing,
)
from provisioner.bundle.common.mirror import stanzas
from provisioner.bundle.common.reading import content
from provisioner.bundle.common.workspace import Work
from provisioner.bundle.debian.images import Built, read_index
from provisioner.bundle.debian.recipe import CRI_TOOLS, OWN_PACKAGES, Recipe


def make_bundle(recipe: Recipe, work: Work) -> None:
    """The stage: copies of the repository and the images, and `bundle.json` about them."""
    source = (work.done["source"] / "VERSION").read_text(encoding="utf-8").strip()
    shutil.copytree(work.done["repository"], work.into / APT)
    (work.into / IMAGES).mkdir()
    images, missing = read_index(work.done["images"])
    for image in images:
        shutil.copyfile(work.done["images"] / image.file, work.into / IMAGES / image.file)
    origin = f"built from Debian {recipe.release}, source package kubernetes {source}"
    contents = (*_images(work.into, images), *_packages(work.into, recipe, source), *_indexes(work.into))
    manifest = Manifest(
        kubernetes_version=recipe.kubernetes_version,
        distribution=Distribution(id="debian", codename=recipe.release, architecture=recipe.architecture),
        created=datetime.now(UTC).replace(microsecond=0),
        origin=origin,
        contents=contents,
        missing=(*(Missing(name=name, reason=reason) for name, reason in missing.items()), CRI_TOOLS),
    )
    (work.into / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _images(bundle: Path, images: list[Built]) -> Iterator[Content]:
    for image in images:
        more = {"version": image.version, "origin": image.origin, "roles": image.roles}
        yield content(bundle, f"{IMAGES}/{image.file}", Kind.IMAGE, image.reference, **more)


def _packages(bundle: Path, recipe: Recipe, source: str) -> Iterator[Content]:
    for stanza in stanzas((bundle / APT / "Packages").read_text(encoding="utf-8")):
        name = stanza["package"]
        origin = f"Debian {recipe.release}, source package {stanza.get('source', name).split()[0]}"
        if name in OWN_PACKAGES:
            origin = f"compiled from Debian kubernetes {source}"
        path = f"{APT}/{stanza['filename'].removeprefix('./')}"
        more = {"version": stanza["version"], "origin": origin, "roles": EVERYWHERE}
        yield content(bundle, path, Kind.PACKAGE, name, **more)


def _indexes(bundle: Path) -> Iterator[Content]:
    for name in ("InRelease", "Packages", "Packages.gz", "Release"):
        yield content(bundle, f"{APT}/{name}", Kind.INDEX, name)
    yield content(bundle, APT_KEY, Kind.KEY, Path(APT_KEY).name)
