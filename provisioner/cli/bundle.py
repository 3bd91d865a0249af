"""`provisioner bundle`: build the offline bundle, show what is in one, check one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from provisioner.bundle.common import reading
from provisioner.bundle.common import table as bundle_table
from provisioner.bundle.common.machine import default_cache, machine_architecture
from provisioner.bundle.debian.build import build as build_bundle
from provisioner.bundle.debian.recipe import KUBERNETES_VERSION
from provisioner.bundle.upstream import build as upstream
from provisioner.bundle.upstream.request import KUBERNETES_URL, Addresses, Request
from provisioner.catalog.kubernetes import releases
from provisioner.cli.common import Frame, JsonOption, frame
from provisioner.core.report import Note
from provisioner.errors import UsageError
from provisioner.inventory.values import Version
from provisioner.output.tables import table
from provisioner.sources.repository import DOCKER_CE

app = typer.Typer(help="Offline bundles: packages and images for hosts without internet access.", no_args_is_help=True)

UPSTREAM = "From upstream"

PathArgument = Annotated[Path | None, typer.Argument(help="The bundle's directory. (default: the newest built here)")]


class From(StrEnum):
    """Where a bundle's parts come from."""

    DEBIAN = "debian"
    UPSTREAM = "upstream"


@app.command(epilog="Example: provisioner bundle build --from upstream --kubernetes 1.34.2")
def build(
    source: Annotated[
        From, typer.Option("--from", help="Debian's source package, or the original publishers.")
    ] = From.DEBIAN,
    kubernetes: Annotated[
        str,
        typer.Option(
            "--kubernetes", "--kubernetes-version", help=f"The version. (default: {KUBERNETES_VERSION}, from Debian)"
        ),
    ] = "",
    mirror: Annotated[
        str,
        typer.Option(help="Address of a mirror of the distribution. (default: the one that this machine uses)"),
    ] = "",
    runtime: Annotated[
        str, typer.Option(help="docker or containerd. (default: docker up to 1.23)", rich_help_panel=UPSTREAM)
    ] = "",
    network: Annotated[
        str,
        typer.Option(
            help="The network plug-in, such as flannel or flannel:0.28.9; or a manifest's file.",
            rich_help_panel=UPSTREAM,
        ),
    ] = "bridge",
    distribution: Annotated[
        str, typer.Option(help="The distribution of the hosts, such as ubuntu/noble.", rich_help_panel=UPSTREAM)
    ] = "debian/bookworm",
    architecture: Annotated[
        str, typer.Option(help="The hosts' architecture. (default: this machine's)", rich_help_panel=UPSTREAM)
    ] = "",
    without: Annotated[
        list[str] | None, typer.Option(help="An image to leave out; only coredns can be.", rich_help_panel=UPSTREAM)
    ] = None,
    kubernetes_url: Annotated[str, typer.Option(help="pkgs.k8s.io, or a mirror.", rich_help_panel=UPSTREAM)] = "",
    kubernetes_key: Annotated[
        Path | None, typer.Option(help="The key of a mirror that signs itself.", rich_help_panel=UPSTREAM)
    ] = None,
    docker_url: Annotated[str, typer.Option(help="download.docker.com, or a mirror.", rich_help_panel=UPSTREAM)] = "",
    docker_key: Annotated[
        Path | None, typer.Option(help="The key of a mirror that signs itself.", rich_help_panel=UPSTREAM)
    ] = None,
    registry: Annotated[
        str, typer.Option(help="A mirror that replaces all image registries.", rich_help_panel=UPSTREAM)
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Build a bundle, from Debian's source package kubernetes or from upstream; run again, a killed build goes on."""
    with frame("bundle build", as_json=as_json) as told:
        if source is From.DEBIAN:
            version = kubernetes or KUBERNETES_VERSION
            path = build_bundle(default_cache(), told, kubernetes_version=version, mirror=mirror)
        else:
            at = Addresses(
                kubernetes_url or KUBERNETES_URL, docker_url or DOCKER_CE, registry, mirror, kubernetes_key, docker_key
            )
            machine = architecture or machine_architecture()
            want = Request(_version(kubernetes), runtime, network, distribution, machine, tuple(without or ()), at)
            path = upstream.build(default_cache(), want, told)
        told(Note(f"{path}: {bundle_table.headline(reading.load(path))}"))


def _version(text: str) -> Version:
    newest = releases()[-1]
    hint = f"Name it in full: --kubernetes {newest.series}.{newest.last_patch} is the newest that is known."
    if not text:
        raise UsageError("the version of Kubernetes to fetch is missing", hint=hint)
    try:
        return Version.parse(text)
    except ValueError as error:
        raise UsageError(f"--kubernetes {error}", hint=hint) from None


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
        told(Note(f"{bundle.path}: complete; all {len(bundle.manifest.contents)} files match the manifest"))


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
