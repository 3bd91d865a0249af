"""Taking Debian's packages apart and putting them together under another name, by dpkg-deb."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from tests.repositories.packages import Package

# Read and written once on one machine: packing would cost more than it saves.
PACK = ("dpkg-deb", "-Znone", "--root-owner-group", "--build")


def pack(package: Package, debs: Mapping[str, Path], into: Path) -> None:
    """Make the package's files in the directory `into`, one for each version; `debs` has Debian's by name."""
    tree = into / f".{package.name}"
    (tree / "DEBIAN").mkdir(parents=True)
    origins = [debs[name] for name in package.of]
    for origin in origins:
        _dpkg_deb("--extract", origin, tree)
    for origin in origins[:1]:
        _dpkg_deb("--control", origin, tree / "DEBIAN")
    _arrange(package, tree)
    depends = [need for origin in origins for need in _depends(origin)]
    architecture = _dpkg_deb("--field", origins[0], "Architecture").strip() if origins else "all"
    kept = [need for need in depends if not any(fnmatch(_name(need), loose) for loose in package.loose)]
    for version in package.versions:
        _write_control(package, version, tree / "DEBIAN", architecture, [*kept, *package.needs])
        deb = into / f"{package.name}_{version.rpartition(':')[2]}_{architecture}.deb"
        subprocess.run([*PACK, tree, deb], check=True, capture_output=True)
    shutil.rmtree(tree)


def by_name(directories: Iterable[Path]) -> dict[str, Path]:
    """The packages in some directories by their names."""
    return {deb.name.partition("_")[0]: deb for directory in directories for deb in directory.glob("*.deb")}


def _arrange(package: Package, tree: Path) -> None:
    """Files where upstream has them, in the units that name them too, and only those that are its own."""
    moved = {old: new for old, new in package.moved.items() if (tree / old).exists()}
    for old, new in moved.items():
        (tree / new).parent.mkdir(parents=True, exist_ok=True)
        (tree / old).rename(tree / new)
    for unit in tree.glob("**/*.service"):
        text = unit.read_text()
        for old, new in moved.items():
            text = text.replace(f"/{old} ", f"/{new} ")
        unit.write_text(text)
    for path in _files(tree):
        inside = path.relative_to(tree).as_posix()
        if not _any(inside, package.only) or _any(inside, package.without):
            path.unlink()
    for inside, text in package.texts.items():
        (tree / inside).parent.mkdir(parents=True, exist_ok=True)
        (tree / inside).write_text(text)


def _write_control(package: Package, version: str, directory: Path, architecture: str, depends: Iterable[str]) -> None:
    fields = {
        "Package": package.name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "tests <tests@localhost>",
        "Depends": ", ".join(depends),
        **package.fields,
        "Description": package.description,
    }
    (directory / "control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items() if value))
    (directory / "md5sums").unlink(missing_ok=True)
    files = [path.relative_to(directory.parent) for path in _files(directory.parent)]
    conffiles = [f"/{path}\n" for path in files if path.parts[0] == "etc"]
    (directory / "conffiles").write_text("".join(conffiles))
    if package.only != ("**",):
        for script in ("preinst", "postinst", "prerm", "postrm"):
            (directory / script).unlink(missing_ok=True)


def _files(tree: Path) -> list[Path]:
    return [
        path
        for path in sorted(tree.rglob("*"))
        if (path.is_symlink() or path.is_file()) and path.relative_to(tree).parts[0] != "DEBIAN"
    ]


def _any(inside: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(inside, pattern) for pattern in patterns)


def _depends(deb: Path) -> list[str]:
    text = _dpkg_deb("--field", deb, "Depends")
    return [need.strip() for need in text.split(",") if need.strip()]


def _name(need: str) -> str:
    return re.split(r"[ (:|]", need)[0]


def _dpkg_deb(verb: str, deb: Path, *arguments: str | Path) -> str:
    done = subprocess.run(["dpkg-deb", verb, deb, *arguments], check=True, capture_output=True, text=True)
    return done.stdout
