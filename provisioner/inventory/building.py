"""All parts of the reading put together: a parsed file becomes a `Draft`, as complete as its errors allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import Severity
from provisioner.inventory import files, groups, hosts, roles, rules, settings, tree
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster
from provisioner.inventory.tree import Tree
from provisioner.inventory.variables import Variable
from provisioner.inventory.yaml_lines import Document


@dataclass(frozen=True, slots=True)
class Draft:
    """The cluster, and what is wrong with its file; values that are wrong have their defaults."""

    cluster: Cluster
    findings: tuple[Finding, ...]


def build(document: Document, inventory: Path) -> Draft:
    """The draft of a file that is a mapping; `inventory` is where it lies. Looks at the files it names."""
    said = tuple(groups.read(document.value))
    broken = tuple(entry for entry in said if isinstance(entry, Finding))
    statements = tuple(entry for entry in said if not isinstance(entry, Finding))
    grown, loops = tree.grow(statements)
    given = tuple(_variables(statements))
    wish, unsettled = settings.find(given)
    chosen, wrong = settings.read(wish, document.texts) if wish else (settings.fallback(), ())
    values, unread = hosts.read(given, document.texts)
    cluster = Cluster.model_construct(
        path=inventory.absolute(),
        settings=settings.absolute(chosen, inventory),
        hosts=tuple(host for entry in grown.hosts if (host := hosts.build(entry, values, inventory))),
    )
    shape = (*document.findings, *broken, *loops, *roles.without_role(grown))
    ranges = {finding.path for finding in broken}
    names = tuple(finding for finding in hosts.misnamed(grown.hosts) if finding.path not in ranges)
    found = (*shape, *names, *unsettled, *wrong, *unread)
    return Draft(cluster, (*found, *_concluded(cluster, grown, found, bool(broken or loops))))


def _variables(statements: Iterable[groups.Statement]) -> Iterator[Variable]:
    for said in statements:
        if isinstance(said, groups.GroupVariables | groups.Member):
            yield from said.variables


def _concluded(cluster: Cluster, grown: Tree, found: tuple[Finding, ...], broken: bool) -> Iterator[Finding]:
    """What the rules say, as paths into the file.

    Not where it follows from something that is wrong already, nor that hosts are missing where hosts could
    not be read.
    """
    errors = tuple(finding for finding in found if finding.severity is Severity.ERROR)
    wrong = tuple(path for finding in errors for path in (finding.path, *finding.needs))
    for finding in (*rules.findings(cluster), *files.findings(cluster)):
        needs = finding.needs or (finding.path,)
        if any(_follows(need, _in_file(need, grown), wrong) for need in needs) or (broken and ("hosts",) in needs):
            continue
        path = _in_file(finding.path, grown)
        yield Finding(finding.rule, path, finding.message, finding.hint, finding.severity)


def _in_file(path: KeyPath, grown: Tree) -> KeyPath:
    """From a path into the `Cluster` to the path into the file."""
    match path:
        case ("settings", *below):
            return (*settings.PLACE, *below)
        case ("hosts", name, field):
            host = next(host for host in grown.hosts if host.name == name)
            return hosts.place(host, str(field))
        case _:
            return next((place for group, place in grown.groups.items() if roles.is_about_control(group)), ("all",))


def _follows(need: KeyPath, path: KeyPath, wrong: Iterable[KeyPath]) -> bool:
    """Is something wrong at the value, around it, or (for one machine, one setting) within it?"""
    around = any(path[: len(at)] == at for at in wrong)
    within = len(need) > 1 and any(at[: len(path)] == path for at in wrong)
    return around or within
