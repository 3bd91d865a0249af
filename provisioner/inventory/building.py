"""Combines all parts of reading: the content of the files becomes a `Draft`, as complete as their errors allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import Severity
from provisioner.inventory import files, hosts, machine_files, roles, rules, settings, tree
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster, Host, Origin
from provisioner.inventory.statements import Contents, variables
from provisioner.inventory.tree import Tree
from provisioner.paths import labs_directory


@dataclass(frozen=True, slots=True)
class Draft:
    """The cluster, and what is wrong with its files; wrong values are replaced by their defaults."""

    cluster: Cluster
    findings: tuple[Finding, ...]


def build(source: Contents, inventory: Path) -> Draft:
    """The draft of an inventory; `inventory` is its path. Checks the files that it names, too."""
    grown, shape = tree.grow(source.statements)
    given = tuple(variables(source.statements))
    place = (str(inventory), *settings.PLACE)
    want, unsettled = settings.find(source.statements, place)
    chosen, wrong = settings.read(want, source.texts) if want else (settings.fallback(), ())
    values, unread = hosts.read(given, source.texts)
    machines = tuple(host for entry in grown.hosts if (host := hosts.build(entry, values, inventory)))
    cluster = Cluster.model_construct(
        path=inventory.absolute(),
        settings=settings.absolute(chosen, inventory),
        hosts=machines,
        origin=_origin(inventory.absolute(), machines),
    )
    broken = {finding.path for finding in (*source.findings, *shape) if _is_gap(finding)}
    names = tuple(finding for finding in hosts.misnamed(grown.hosts) if finding.path not in broken)
    found = (*source.findings, *shape, *roles.without_role(grown), *names, *unsettled, *wrong, *unread)
    places = _Places(grown, want.path if want else place)
    return Draft(cluster, (*found, *_concluded(cluster, places, found, bool(broken))))


def _origin(inventory: Path, machines: tuple[Host, ...]) -> Origin:
    if any(machine.vagrant for machine in machines):
        return Origin.VAGRANT
    return Origin.LAB if inventory.parent.parent == labs_directory() else Origin.FILE


def _is_gap(finding: Finding) -> bool:
    """Whether hosts may be missing because of this finding."""
    return finding.severity is Severity.ERROR and finding.rule != "duplicate-key"


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in the files the values are."""

    grown: Tree
    settings: KeyPath

    def of(self, path: KeyPath) -> KeyPath:
        """The path into a file that belongs to a path into the `Cluster`."""
        match path:
            case ("settings", *below):
                return (*self.settings, *below)
            case ("hosts", name, field):
                host = next(host for host in self.grown.hosts if host.name == name)
                return hosts.place(host, str(field))
            case _:
                groups = self.grown.groups.items()
                return next((place for group, place in groups if roles.is_about_control(group)), self._top())

    def _top(self) -> KeyPath:
        return self.grown.groups.get("all", self.settings[:1])


def _concluded(cluster: Cluster, places: _Places, found: tuple[Finding, ...], broken: bool) -> Iterator[Finding]:
    """The findings of the rules, with paths into the files.

    Left out: findings that only follow from another error, and missing hosts when some hosts could not be read.
    """
    errors = tuple(finding for finding in found if finding.severity is Severity.ERROR)
    wrong = tuple(path for finding in errors for path in (finding.path, *finding.needs))
    for finding in (*rules.findings(cluster), *files.findings(cluster), *machine_files.findings(cluster)):
        needs = finding.needs or (finding.path,)
        if any(_follows(need, places.of(need), wrong) for need in needs) or (broken and ("hosts",) in needs):
            continue
        path = places.of(finding.path)
        yield Finding(finding.rule, path, finding.message, finding.hint, finding.severity)


def _follows(need: KeyPath, path: KeyPath, wrong: Iterable[KeyPath]) -> bool:
    """Whether there is an error at the value, around it, or (for one host or one setting) inside it."""
    around = any(path[: len(at)] == at for at in wrong)
    within = len(need) > 1 and any(at[: len(path)] == path for at in wrong)
    return around or within
