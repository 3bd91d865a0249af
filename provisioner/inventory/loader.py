"""From an inventory file to a `Cluster`, or to everything that is wrong with it, each with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provisioner.errors import InventoryError, Problem, Severity
from provisioner.inventory import building, yaml_lines
from provisioner.inventory.findings import Finding, dotted
from provisioner.inventory.model import Cluster
from provisioner.inventory.yaml_lines import Document

_EMPTY = Finding(
    "empty", (), "the inventory is empty", "see inventories/existing-servers.yaml for an example"
)


def load(path: Path) -> Cluster:
    """The cluster an inventory file describes. InventoryError carries all problems; warnings alone do not raise."""
    cluster, problems = check(path)
    if cluster is None:
        errors = sum(problem.severity is Severity.ERROR for problem in problems)
        raise InventoryError(f"{path} has {errors} error{'s' if errors > 1 else ''}", problems)
    return cluster


def check(path: Path) -> tuple[Cluster | None, tuple[Problem, ...]]:
    """The cluster and everything worth saying about its inventory, errors first; None when there are errors."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        hint = "name the inventory file" if path.is_dir() else "see inventories/ for examples"
        return None, (Problem("unreadable", str(path), f"cannot be read: {error.strerror}", hint),)
    except UnicodeDecodeError as error:
        return None, (
            Problem("unreadable", str(path), f"is not UTF-8 text (byte {error.start})", "save it as UTF-8"),
        )
    document = yaml_lines.read(text)
    if document.value is None:
        found = document.findings or (_EMPTY,)
        return None, _problems(found, document, path)
    draft = building.build(document, path)
    problems = _problems(draft.findings, document, path)
    sound = all(problem.severity is Severity.WARNING for problem in problems)
    return (Cluster.model_validate(draft.cluster) if sound else None), problems


def _problems(found: Iterable[Finding], document: Document, path: Path) -> tuple[Problem, ...]:
    lines = {finding: finding.line or document.line(finding.path) for finding in found}
    order = sorted(lines, key=lambda finding: (finding.severity is Severity.WARNING, lines[finding]))
    return tuple(_problem(finding, f"{path}:{lines[finding]}") for finding in order)


def _problem(finding: Finding, where: str) -> Problem:
    message = f"{dotted(finding.path)}: {finding.message}" if finding.path else finding.message
    return Problem(finding.rule, where, message, finding.hint, finding.severity)
