"""Reads an inventory: into a `Cluster`, or all problems in it, each with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provisioner.errors import InventoryError, Problem, Severity
from provisioner.inventory import building, rules, sources
from provisioner.inventory.findings import Finding, KeyPath, dotted
from provisioner.inventory.model import Cluster
from provisioner.inventory.statements import Contents

# A name in a file may be megabytes long, and messages repeat names.
LONGEST_MESSAGE = 1_000


def load(path: Path, *, untested: bool = False) -> Cluster:
    """The cluster that an inventory describes; InventoryError carries all problems, warnings alone do not raise."""
    cluster, problems = check(path, untested=untested)
    if cluster is None:
        raise invalid(path, problems)
    return cluster


def invalid(path: Path, problems: tuple[Problem, ...]) -> InventoryError:
    """The error for callers that cannot continue without a cluster."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    return InventoryError(f"{path} has {errors} error{'s' if errors > 1 else ''}", problems)


def check(path: Path, *, untested: bool = False) -> tuple[Cluster | None, tuple[Problem, ...]]:
    """The cluster (None when there are errors) and all problems of its files, errors first.

    With `untested`, a Kubernetes version that the catalog does not know is not an error.
    """
    source = sources.read(path)
    if not source.sound:
        return None, _problems(source.findings, source)
    draft = building.build(source, path)
    found = tuple(map(rules.tolerated, draft.findings)) if untested else draft.findings
    problems = _problems(found, source)
    sound = all(problem.severity is Severity.WARNING for problem in problems)
    return (Cluster.model_validate(draft.cluster) if sound else None), problems


def _problems(found: Iterable[Finding], source: Contents) -> tuple[Problem, ...]:
    """One problem per rule and place: one, for example, for a whole range of misnamed hosts."""
    once = {(finding.rule, finding.path, finding.line): finding for finding in reversed(tuple(found))}
    lines = {finding: finding.line or _line(finding.path, source) for finding in reversed(once.values())}
    files = list(dict.fromkeys(path[0] for path in (*source.lines, *(finding.path for finding in lines))))
    order = sorted(lines, key=lambda one: (one.severity is Severity.WARNING, files.index(one.path[0]), lines[one]))
    return tuple(_problem(finding, lines[finding]) for finding in order)


def _line(path: KeyPath, source: Contents) -> int:
    """The line of the value, or of the nearest thing around it that is in the file; 0 where there are no lines."""
    around = (path[:length] for length in range(len(path), 0, -1))
    return next((source.lines[part] for part in around if part in source.lines), 0)


def _problem(finding: Finding, line: int) -> Problem:
    file, *keys = finding.path
    message = f"{dotted(tuple(keys))}: {finding.message}" if keys else finding.message
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}…"
    return Problem(finding.rule, f"{file}:{line}" if line else str(file), message, finding.hint, finding.severity)
