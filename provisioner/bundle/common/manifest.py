"""The format of a bundle, version 1: what `bundle.json` says. The code that builds bundles writes it, the code
that uses them reads it, and neither knows the other.

    bundle.json              this manifest
    apt/                     a flat, signed apt repository: Packages, Packages.gz, Release, InRelease, *.deb
    apt/key.asc              the public key it is signed with, armored
    images/NAME.tar          one container image each, as `docker save` writes it (its layers are gzip)
    manifests/               manifests for kubectl; may be absent
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from provisioner.core.untrusted import shown

FORMAT = 1
MANIFEST = "bundle.json"
APT = "apt"
APT_KEY = "apt/key.asc"
IMAGES = "images"
MANIFESTS = "manifests"

Role = Literal["control_plane", "worker"]
CONTROL_PLANE: tuple[Role, ...] = ("control_plane",)
EVERYWHERE: tuple[Role, ...] = ("control_plane", "worker")


class Kind(StrEnum):
    """What a file in a bundle is."""

    PACKAGE = "package"
    IMAGE = "image"
    MANIFEST = "manifest"
    INDEX = "index"
    KEY = "key"


def inside(path: str) -> str:
    """A path that stays inside the bundle: relative, normal, without `..`; anything else is a ValueError."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or path in (".", MANIFEST):
        raise ValueError(f"{shown(path)} is not a path of a file inside the bundle")
    return path


def plain(text: str) -> str:
    """A text for one line of a screen: nothing that a terminal interprets or hides; anything else is a ValueError."""
    if not text.isprintable():
        raise ValueError(f"{shown(text)} has characters that cannot be shown")
    return text


def each_once(contents: tuple[Content, ...]) -> tuple[Content, ...]:
    """Files that are each listed once; ValueError for two of the same path."""
    twice = [path for path, number in Counter(content.path for content in contents).items() if number > 1]
    if twice:
        raise ValueError(f"{', '.join(twice[:3])}: is listed more than once")
    return contents


# An image's reference, the longest of them, has 255 characters at most; a reason is a sentence.
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(plain)]
InnerPath = Annotated[Text, AfterValidator(inside)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Value(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Distribution(_Value):
    """The distribution and architecture of the hosts that this bundle is for."""

    id: Text
    codename: Text
    architecture: Text


class Content(_Value):
    """One file. `name` is the package's name or the image's full reference, `size` counts bytes, and `roles`
    names the roles of the nodes that need it (empty: none in particular).
    """

    path: InnerPath
    kind: Kind
    name: Text
    version: Text = ""
    size: Annotated[int, Field(ge=0, lt=2**63)]
    sha256: Sha256
    origin: Text = ""
    roles: tuple[Role, ...] = ()


class Missing(_Value):
    """Something a cluster usually has and this bundle lacks, with the reason."""

    name: Text
    reason: Text


class Manifest(_Value):
    """Everything that `bundle.json` says about a bundle."""

    format: Literal[1] = 1
    kubernetes_version: Text
    distribution: Distribution
    created: AwareDatetime
    origin: Text
    contents: Annotated[tuple[Content, ...], AfterValidator(each_once)]
    missing: tuple[Missing, ...] = ()
