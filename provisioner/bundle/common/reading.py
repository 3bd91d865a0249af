"""Opening a bundle and checking it: every file's size and SHA-256, which files are missing, which are extra."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from provisioner.bundle.common.manifest import APT_KEY, FORMAT, MANIFEST, Content, Kind, Manifest, Role
from provisioner.core.untrusted import shown, visible
from provisioner.errors import BundleError, Problem

REBUILD = "Build it again with `provisioner bundle build`, or copy an undamaged one again."
# The manifest of a bundle with every known image and package has about 200 KiB.
MOST_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on this machine: its directory and its manifest."""

    path: Path
    manifest: Manifest

    def of_kind(self, kind: Kind) -> tuple[Content, ...]:
        """All files of a kind, in the manifest's order."""
        return tuple(content for content in self.manifest.contents if content.kind is kind)

    def images_for(self, role: Role) -> tuple[Content, ...]:
        """The images that a host of that role needs; `name` is the full reference."""
        return tuple(image for image in self.of_kind(Kind.IMAGE) if role in image.roles)

    def package_version(self, name: str) -> str:
        """The exact Debian version of a package; BundleError when the bundle lacks it."""
        for package in self.of_kind(Kind.PACKAGE):
            if package.name == name:
                return package.version
        raise BundleError(
            f"{self.path}: the bundle has no package {name}",
            hint="`provisioner bundle show` lists what it has.",
        )

    def lacks(self, name: str) -> str:
        """Why the bundle has no such image (reference) or package (name); empty when it is not listed."""
        return next((missing.reason for missing in self.manifest.missing if missing.name == name), "")

    def file(self, content: Content) -> Path:
        """Where a file of the manifest is on this machine."""
        return self.path / content.path

    @property
    def apt_key(self) -> Path:
        """The armored public key that the apt repository is signed with."""
        return self.path / APT_KEY


def load(path: Path) -> Bundle:
    """Read a bundle's manifest; BundleError when it is absent, malformed or of a format we do not know."""
    return Bundle(path, _parsed(path / MANIFEST, _text(path)))


def verify(bundle: Bundle) -> list[Problem]:
    """Look at every file: missing, changed (size or SHA-256) or not in the manifest. Empty means undamaged."""
    known = {content.path for content in bundle.manifest.contents} | {MANIFEST}
    extra = [Problem("bundle-extra", visible(path), "is not in the manifest", REBUILD)
             for path in sorted(_files(bundle.path)) if path not in known]  # fmt: skip
    return [problem for content in bundle.manifest.contents for problem in _check(bundle, content)] + extra


def require_whole(bundle: Bundle) -> None:
    """BundleError with all findings when `verify` has any."""
    if problems := verify(bundle):
        raise BundleError(f"{bundle.path}: the bundle is damaged ({len(problems)} files)", problems, hint=REBUILD)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(path: Path) -> bytes:
    where = path / MANIFEST
    try:
        # Reading a pipe would wait, and a device has no end.
        if where.exists() and not where.is_file():
            raise BundleError(f"{where}: is not a file", hint=REBUILD)
        with where.open("rb") as file:
            text = file.read(MOST_MANIFEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{path}: there is no bundle here ({MANIFEST} is missing)",
            hint="Name a bundle's directory, or build one with `provisioner bundle build`.",
        ) from None
    except OSError as error:
        raise BundleError(f"{where}: cannot be read: {error.strerror}", hint=REBUILD) from error
    if len(text) > MOST_MANIFEST_BYTES:
        raise BundleError(f"{where}: is longer than any manifest ({MOST_MANIFEST_BYTES >> 20} MiB)", hint=REBUILD)
    return text


def _parsed(where: Path, text: bytes) -> Manifest:
    try:
        raw = from_json(text)
    except ValueError as error:
        raise BundleError(f"{where}: is not JSON: {error}", hint=REBUILD) from None
    format_ = raw.get("format") if isinstance(raw, dict) else None
    if type(format_) is not int or format_ != FORMAT:
        raise BundleError(
            f"{where}: format {shown(format_)} is not known; this program reads format {FORMAT}",
            hint="Use a provisioner as new as the bundle, or build the bundle again.",
        )
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(f"{where}: is not a valid manifest", _problems(where, error), hint=REBUILD) from None


def _problems(where: Path, error: ValidationError) -> Iterator[Problem]:
    for finding in error.errors(include_url=False):
        place = ".".join(str(part) for part in finding["loc"])
        yield Problem("bundle-manifest", f"{where.name}: {visible(place)}", visible(finding["msg"]))


def _check(bundle: Bundle, content: Content) -> Iterator[Problem]:
    try:
        if found := _finding(bundle, content):
            yield Problem(*found, REBUILD)
    except OSError as error:
        yield Problem("bundle-unreadable", content.path, f"cannot be read: {error.strerror}", REBUILD)


def _finding(bundle: Bundle, content: Content) -> tuple[str, str, str] | None:
    """The rule, where and what; nothing when the file is as the manifest says. OSError when it cannot be read."""
    file = bundle.file(content)
    # Neither it nor a directory above it may be a link: what is checked is what is served and uploaded.
    if not file.is_file() or file.resolve() != bundle.path.resolve() / content.path:
        return "bundle-missing", content.path, "is missing"
    if (size := file.stat().st_size) != content.size:
        return "bundle-changed", content.path, f"has {size} bytes instead of {content.size}"
    if (found := sha256_of(file)) != content.sha256:
        return "bundle-changed", content.path, f"has SHA-256 {found} instead of {content.sha256}"
    return None


def _files(root: Path) -> Iterator[str]:
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(root).as_posix()


def content(bundle: Path, path: str, kind: Kind, name: str, **more: object) -> Content:
    """The manifest's entry of a file that is in the bundle already."""
    file = bundle / path
    known = {"path": path, "kind": kind, "name": name, "size": file.stat().st_size, "sha256": sha256_of(file)}
    return Content.model_validate(known | more)
