"""The results of a verification as one HTML page to keep or send: no script, nothing loaded from elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from provisioner.core.report import Reach, Report
from provisioner.output import tables
from provisioner.output.wording import duration
from provisioner.paths import write_atomic
from provisioner.templating import render


def write(path: Path, cluster: str, report: Report, reaches: Iterable[Reach]) -> None:
    """Write the page."""
    moment = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    write_atomic(path, page(cluster, moment, report, tuple(reaches)))


def page(cluster: str, moment: str, report: Report, reaches: tuple[Reach, ...]) -> str:
    """The page's text. All nodes are in its table, however many there are."""
    columns, rows = tables.matrix(reaches, nodes_shown=sys.maxsize)
    count = len(report.problems)
    return render(
        "verification/report.html.j2",
        cluster=cluster,
        went=f"{count} finding(s)" if count else "verified",
        moment=moment,
        machines=len(report.hosts),
        duration=duration(report.seconds),
        problems=report.problems,
        counts=tables.by_path(reaches),
        largest=tables.largest(reaches),
        columns=columns,
        rows=rows,
        reached=tables.REACHED,
        not_asked=tables.NOT_ASKED,
        skipped=report.skipped,
    )
