"""`provisioner bundle`: build the offline bundle, show what is in one, check one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioner.bundle import reading
from provisioner.bundle import table as bundle_table
from provisioner.bundle.debian.build import build as build_bundle
from provisioner.bundle.debian.build import default_cache
from provisioner.bundle.debian.recipe import KUBERNETES_VERSION
from provisioner.cli.common import Frame, JsonOption, frame
from provisioner.console import table
from provisioner.core.report import Note
from provisioner.errors import UsageError

app = typer.Typer(help="Offline bundles: packages and images for machines without a network.", no_args_is_help=True)

PathArgument = Annotated[Path | None, typer.Argument(help="The bundle's directory. (default: the newest built here)")]


@app.command(epilog="Example: provisioner bundle build")
def build(
    kubernetes_version: Annotated[str, typer.Option(help="The version to call itself.")] = KUBERNETES_VERSION,
    mirror: Annotated[str, typer.Option(help="Address of a Debian mirror. (default: this machine's own)")] = "",
    as_json: JsonOption = False,
) -> None:
    """Build the bundle from Debian's source package kubernetes; a killed build goes on where it was."""
    with frame("bundle build", as_json=as_json) as told:
        path = build_bundle(default_cache(), told, kubernetes_version=kubernetes_version, mirror=mirror)
        told(Note(f"{path}: {bundle_table.headline(reading.load(path))}"))


@app.command(epilog="Example: provisioner bundle show")
def show(path: PathArgument = None, as_json: JsonOption = False) -> None:
    """List what a bundle contains and what it lacks."""
    with frame("bundle show", as_json=as_json) as told:
        bundle = reading.load(path or _newest())
        told(Note(f"{bundle.path}: {bundle_table.headline(bundle)}"))
        _table(told, bundle, as_json=as_json)


@app.command(epilog="Example: provisioner bundle verify /media/usb/bundle")
def verify(path: PathArgument = None, as_json: JsonOption = False) -> None:
    """Check size and SHA-256 of every file of a bundle."""
    with frame("bundle verify", as_json=as_json) as told:
        bundle = reading.load(path or _newest())
        reading.require_whole(bundle)
        told(Note(f"{bundle.path}: whole; {len(bundle.manifest.contents)} files are as the manifest says"))


def _table(told: Frame, bundle: reading.Bundle, *, as_json: bool) -> None:
    rows = bundle_table.show(bundle)
    if as_json:
        for row in rows:
            told(Note(" ".join((row.kind, row.name, row.version, str(row.size), row.origin))))
        return
    cells = (
        (row.kind, row.name, row.version, f"{row.size / 2**20:.1f} MiB", row.needed_by or row.origin) for row in rows
    )
    told.show.console.print(table(("kind", "name", "version", "size", "for"), cells))


def _newest() -> Path:
    found = sorted(default_cache().glob("*/bundle.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UsageError(
            "there is no bundle on this machine", hint="Build one with `provisioner bundle build`, or name a directory."
        )
    return found[-1].parent
