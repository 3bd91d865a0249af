"""`group_vars/` and `host_vars/` beside an inventory: for each name a file of variables, or a directory of such."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from provisioner.errors import Severity
from provisioner.inventory import text_files, yaml_lines
from provisioner.inventory.findings import Finding, nearest
from provisioner.inventory.from_yaml import variables_in
from provisioner.inventory.statements import GroupFile, HostFile, Source, join
from provisioner.inventory.tree import PRIORITY
from provisioner.inventory.variables import Variable

Owned = tuple[Variable, ...]
# The first that is there counts, the others do not: so does Ansible.
_ENDINGS = ("", ".yml", ".yaml", ".json")


def read(directory: Path, said: Source) -> Source:
    """The variables that lie beside an inventory which says `said`."""
    of_groups, of_hosts = directory / "group_vars", directory / "host_vars"
    groups = join(_folder(of_groups, said.groups, GroupFile))
    traps = Source(findings=(*_misspelt(of_groups, said.groups), *_no_effect(groups)))
    return join((groups, traps, *_folder(of_hosts, said.hosts, HostFile)))


def _entries(folder: Path) -> dict[str, Path]:
    return {entry.name: entry for entry in sorted(folder.iterdir())} if folder.is_dir() else {}


def _folder(
    folder: Path, names: tuple[str, ...], statement: Callable[[str, Owned], GroupFile | HostFile]
) -> Iterator[Source]:
    entries = _entries(folder)
    for name in names:
        found = [entries[name + ending] for ending in _ENDINGS if name + ending in entries]
        yield from (_file(path, name, statement) for first in found[:1] for path in _files(first))
        yield Source(findings=tuple(_hidden(found)))


def _files(path: Path) -> Iterator[Path]:
    """The file, or all in a directory: no hidden ones, no backups, none of another format."""
    if not path.is_dir():
        yield path
        return
    for below in sorted(path.iterdir()):
        if below.name.startswith(".") or below.name.endswith("~"):
            continue
        if (below.is_dir() and not below.suffix) or (below.is_file() and below.suffix in _ENDINGS):
            yield from _files(below)


def _file(path: Path, name: str, statement: Callable[[str, Owned], GroupFile | HostFile]) -> Source:
    text = text_files.read(path)
    if isinstance(text, Finding):
        return Source(findings=(text,))
    file = str(path)
    document = yaml_lines.read(text, file)
    if document.findings and document.value is None:
        return Source(findings=document.findings, lines=document.lines)
    said = tuple(variables_in(document.value or {}, (file,), "variables are a mapping of names and values"))
    wrong = (*document.findings, *(entry for entry in said if isinstance(entry, Finding)))
    own = tuple(entry for entry in said if isinstance(entry, Variable))
    return Source((statement(name, own),), wrong, document.lines, document.texts)


def _hidden(found: list[Path]) -> Iterator[Finding]:
    for path in found[1:]:
        message = f"this is not read, as {found[0].name} is there too"
        yield Finding("not-read", (str(path),), message, "keep one of them", Severity.WARNING)


def _misspelt(folder: Path, groups: tuple[str, ...]) -> Iterator[Finding]:
    """Files for groups that are in other inventories are common; those that look misspelt are worth a word."""
    for entry, path in _entries(folder).items():
        name = next((entry.removesuffix(end) for end in _ENDINGS[1:] if entry.endswith(end)), entry)
        match = nearest(name, groups)
        if match and name not in groups and entry not in groups:
            message = f"this is not read: the inventory has no group `{name}`"
            yield Finding("not-read", (str(path),), message, f"did you mean `{match}`?", Severity.WARNING)


def _no_effect(groups: Source) -> Iterator[Finding]:
    for said in groups.statements:
        for entry in said.variables if isinstance(said, GroupFile) else ():
            if entry.name == PRIORITY:
                message = "this has no effect here: Ansible reads it in the inventory itself only"
                yield Finding("not-read", entry.path, message, "write it there", Severity.WARNING)
