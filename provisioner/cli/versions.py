"""`provisioner versions`: the known Kubernetes releases, and the versions of other software that they need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from provisioner.catalog import binaries, containerd, networks, packages, runtimes
from provisioner.catalog.kubernetes import Release, releases
from provisioner.cli.common import JsonOption, frame
from provisioner.core.report import Note
from provisioner.output.tables import table

_TABLES: dict[str, Iterable[Any]] = {
    "kubernetes": releases(),
    "runtimes": runtimes.RUNTIMES,
    "runtime_versions": runtimes.RANGES,
    "containerd_tested": runtimes.TESTED,
    "containerd": containerd.LINES,
    "containerd_keys": containerd.KEYS,
    "networks": networks.RELEASES,
    "network_ports": networks.PORTS,
    "repositories": packages.REPOSITORIES,
    "binaries": binaries.BINARIES,
    "distributions": packages.DISTRIBUTIONS,
}


def versions(as_json: JsonOption = False) -> None:
    """Show the known Kubernetes releases and what belongs to each; with --json also the source of each row."""
    with frame("versions") as told:
        if as_json:
            rows = {name: [asdict(row) for row in table_rows] for name, table_rows in _TABLES.items()}
            told.show.console.out(json.dumps(rows), highlight=False)
            return
        for part in (_kubernetes(), _runtime_versions(), _containerd(), _networks(), _distributions()):
            told.show.console.print(part)
            told.show.console.print()
        told(Note("`--json` shows the rest, and the source of each row"))


def _kubernetes() -> Table:
    columns = ("Kubernetes", "last", "kubeadm", "CRI", "etcd", "CoreDNS", "pause", "cgroup v1", "packages", "runtimes")
    return table(columns, (_release(row) for row in releases()))


def _release(row: Release) -> tuple[str, ...]:
    return (
        row.series,
        f".{row.last_patch}{'' if row.ended else '+'}",
        row.kubeadm.api,
        ", ".join(row.cri.versions),
        row.etcd,
        row.coredns,
        row.pause,
        row.kubelet.cgroup_v1,
        packages.repository_for(row.minor).layout,
        ", ".join(found.name for found in runtimes.runtimes_for(row.minor)),
    )


def _runtime_versions() -> Table:
    rows = (
        (
            row.program,
            f"1.{row.since} to 1.{row.until}" if row.until else f"from 1.{row.since} on",
            f"at least {row.at_least}" if row.at_least else f"below {row.below}",
            "" if row.refused else "(warning)",
            row.why,
        )
        for row in runtimes.RANGES
    )
    return table(("runtime", "Kubernetes", "version", "", "because"), rows)


def _containerd() -> Table:
    rows = ((row.series, str(row.config), ", ".join(map(str, row.reads)), row.sandbox) for row in containerd.LINES)
    return table(("containerd", "writes config", "reads", "its pause image"), rows)


def _networks() -> Table:
    rows = (
        (
            row.plug_in,
            row.version,
            row.variant,
            f"1.{row.since} to 1.{row.until}" if row.until else f"from 1.{row.since} on",
            row.sha256[:12],
        )
        for row in networks.RELEASES
    )
    return table(("network", "version", "manifest", "Kubernetes", "SHA-256"), rows)


def _distributions() -> Table:
    rows = ((row.id, row.release, row.codename, row.docker_path, f"v{row.cgroup}") for row in packages.DISTRIBUTIONS)
    return table(("distribution", "release", "codename", "Docker's path", "cgroup"), rows)
