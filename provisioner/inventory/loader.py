"""From an inventory file to a `Cluster`, or to everything that is wrong with it, each with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provisioner.errors import InventoryError, Problem, Severity
from provisioner.inventory import building, groups, yaml_lines
from provisioner.inventory.findings import Finding, dotted
from provisioner.inventory.model import Cluster
from provisioner.inventory.yaml_lines import Document


def load(path: Path) -> Cluster:
    """The cluster that a file describes; InventoryError carries all problems, warnings alone do not raise."""
    cluster, problems = check(path)
    if cluster is None:
        errors = sum(problem.severity is Severity.ERROR for problem in problems)
        raise InventoryError(f"{path} has {errors} error{'s' if errors > 1 else ''}", problems)
    return cluster


def check(path: Path) -> tuple[Cluster | None, tuple[Problem, ...]]:
    """The cluster (None when there are errors) and all that is worth saying about its file, errors first."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        hint = "name the inventory file" if path.is_dir() else "see inventories/ for examples"
        return None, (Problem("unreadable", str(path), f"cannot be read: {error.strerror}", hint),)
    except UnicodeDecodeError as error:
        return None, (Problem("unreadable", str(path), f"is not UTF-8 text (byte {error.start})", "save it as UTF-8"),)
    document = yaml_lines.read(text)
    if not isinstance(document.value, dict):
        return None, _problems(document.findings or groups.not_a_mapping(document.value), document, path)
    draft = building.build(document, path)
    problems = _problems(draft.findings, document, path)
    sound = all(problem.severity is Severity.WARNING for problem in problems)
    return (Cluster.model_validate(draft.cluster) if sound else None), problems


def _problems(found: Iterable[Finding], document: Document, path: Path) -> tuple[Problem, ...]:
    """One finding is enough for the same rule at the same place, such as a range of misnamed hosts."""
    once = {(finding.rule, finding.path, finding.line): finding for finding in reversed(tuple(found))}
    lines = {finding: finding.line or document.line(finding.path) for finding in reversed(once.values())}
    order = sorted(lines, key=lambda finding: (finding.severity is Severity.WARNING, lines[finding]))
    return tuple(_problem(finding, f"{path}:{lines[finding]}") for finding in order)


def _problem(finding: Finding, where: str) -> Problem:
    message = f"{dotted(finding.path)}: {finding.message}" if finding.path else finding.message
    return Problem(finding.rule, where, message, finding.hint, finding.severity)
