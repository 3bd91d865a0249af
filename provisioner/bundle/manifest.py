"""The format of a bundle, version 1: what `bundle.json` says. Whoever builds a bundle writes this, whoever
uses one reads this, and neither knows the other.

    bundle.json              this manifest
    apt/                     a flat, signed apt repository: Packages, Packages.gz, Release, InRelease, *.deb
    apt/key.asc              the public key it is signed with, armored
    images/NAME.tar          one container image each, as `docker save` writes it (its layers are gzip)
    manifests/               manifests for kubectl; may be absent
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

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
        raise ValueError(f"{path!r} is not a path of a file inside the bundle")
    return path


InnerPath = Annotated[str, AfterValidator(inside)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Value(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Distribution(_Value):
    """The machines this bundle is for."""

    id: str
    codename: str
    architecture: str


class Content(_Value):
    """One file. `name` is the package's name or the image's full reference, `size` counts bytes, and `roles`
    names who needs it (empty: nobody in particular).
    """

    path: InnerPath
    kind: Kind
    name: str
    version: str = ""
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256
    origin: str = ""
    roles: tuple[Role, ...] = ()


class Missing(_Value):
    """Something a cluster usually has and this bundle lacks, with the reason."""

    name: str
    reason: str


class Manifest(_Value):
    """All that is said about a bundle."""

    format: Literal[1] = 1
    kubernetes_version: str
    distribution: Distribution
    created: AwareDatetime
    origin: str
    contents: tuple[Content, ...]
    missing: tuple[Missing, ...] = ()
