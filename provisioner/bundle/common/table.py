"""What `provisioner bundle show` prints: pure rows, drawn elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.bundle.common.manifest import Content, Kind
from provisioner.bundle.common.reading import Bundle


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `size` counts bytes, `needed_by` names roles."""

    kind: str
    name: str
    version: str
    size: int
    origin: str
    needed_by: str


def headline(bundle: Bundle) -> str:
    """The bundle in one line: what, for which machines, from where, made when, how large."""
    manifest = bundle.manifest
    for_ = manifest.distribution
    total_mib = sum(content.size for content in manifest.contents) / 2**20
    return (
        f"Kubernetes {manifest.kubernetes_version} for {for_.id} {for_.codename} {for_.architecture}, "
        f"{len(manifest.contents)} files, {total_mib:.0f} MiB, made {manifest.created:%Y-%m-%d %H:%M} UTC; "
        f"{manifest.origin}"
    )


def show(bundle: Bundle) -> list[Row]:
    """Images, then packages and the rest; finally what is missing (kind `missing`, the reason as origin)."""
    order = [Kind.IMAGE, Kind.PACKAGE, Kind.MANIFEST, Kind.INDEX, Kind.KEY]
    contents = sorted(bundle.manifest.contents, key=lambda content: (order.index(content.kind), content.name))
    missing = [Row("missing", gap.name, "", 0, gap.reason, "") for gap in bundle.manifest.missing]
    return [_row(content) for content in contents] + missing


def _row(content: Content) -> Row:
    needed_by = ", ".join(content.roles)
    return Row(content.kind.value, content.name, content.version, content.size, content.origin, needed_by)
