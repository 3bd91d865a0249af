"""`group_vars/` and `host_vars/` beside an inventory: for each name a file of variables, or a directory of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from provisioner.errors import Severity
from provisioner.inventory import places, text_files, yaml_lines
from provisioner.inventory.findings import Finding, nearest
from provisioner.inventory.from_yaml import variables_in
from provisioner.inventory.places import Kind
from provisioner.inventory.statements import Contents, GroupFile, HostFile, join
from provisioner.inventory.tree import PRIORITY
from provisioner.inventory.variables import Variable

Owned = tuple[Variable, ...]
Entries = Mapping[str, Path]
# The first one that exists is used, the others are not, as in Ansible.
_ENDINGS = ("", ".yml", ".yaml", ".json")


def read(directory: Path, said: Contents) -> Contents:
    """The variables in `group_vars/` and `host_vars/` in a directory, for an inventory with the content `said`."""
    of_groups, hidden_groups = _entries(directory / "group_vars")
    of_hosts, hidden_hosts = _entries(directory / "host_vars")
    groups = join(_directory(of_groups, said.groups, GroupFile))
    traps = Contents(findings=(*hidden_groups, *hidden_hosts, *_misspelt(of_groups, said.groups), *_no_effect(groups)))
    return join((groups, traps, *_directory(of_hosts, said.hosts, HostFile)))


def _entries(directory: Path) -> tuple[Entries, tuple[Finding, ...]]:
    """The entries of a directory by name; none when it does not exist, and a finding when it cannot be entered."""
    try:
        listed = places.entries(directory) if places.kind(directory) is Kind.DIRECTORY else ()
    except OSError as error:
        return {}, (text_files.unreadable(directory, error),)
    return {entry.name: entry for entry in listed}, ()


def _directory(
    entries: Entries, names: tuple[str, ...], statement: Callable[[str, Owned], GroupFile | HostFile]
) -> Iterator[Contents]:
    for name in names:
        found = [entries[name + ending] for ending in _ENDINGS if name + ending in entries]
        yield from (_file(path, name, statement) for first in found[:1] for path in _files(first))
        yield Contents(findings=tuple(_hidden(found)))


def _files(path: Path) -> Iterator[Path | Finding]:
    """The file itself, or all files in a directory, without hidden files, backups and other formats."""
    try:
        listed = places.entries(path) if places.kind(path) is Kind.DIRECTORY else None
    except OSError as error:
        yield text_files.unreadable(path, error)
        return
    if listed is None:
        yield path
        return
    for below in listed:
        # A directory with an ending is skipped; anything else with a known ending is a file, or a finding.
        if not (below.name.startswith(".") or below.name.endswith("~")) and _is_read(below):
            yield from _files(below)


def _is_read(path: Path) -> bool:
    return path.suffix in _ENDINGS and not (path.suffix and places.is_directory(path))


def _file(path: Path | Finding, name: str, statement: Callable[[str, Owned], GroupFile | HostFile]) -> Contents:
    text = path if isinstance(path, Finding) else text_files.read(path)
    if isinstance(text, Finding):
        return Contents(findings=(text,))
    file = str(path)
    document = yaml_lines.read(text, file)
    if document.findings and document.value is None:
        return Contents(findings=document.findings, lines=document.lines)
    said = tuple(variables_in(document.value or {}, (file,), "variables are a mapping of names and values"))
    wrong = (*document.findings, *(entry for entry in said if isinstance(entry, Finding)))
    own = tuple(entry for entry in said if isinstance(entry, Variable))
    return Contents((statement(name, own),), wrong, document.lines, document.texts)


def _hidden(found: list[Path]) -> Iterator[Finding]:
    for path in found[1:]:
        message = f"this is not read, because {found[0].name} exists too"
        yield Finding("not-read", (str(path),), message, "keep one of them", Severity.WARNING)


def _misspelt(entries: Entries, groups: tuple[str, ...]) -> Iterator[Finding]:
    """Files for groups of other inventories are common: only those whose names look misspelt are reported."""
    for entry, path in entries.items():
        name = next((entry.removesuffix(end) for end in _ENDINGS[1:] if entry.endswith(end)), entry)
        match = nearest(name, groups)
        if match and name not in groups and entry not in groups:
            message = f"this is not read: the inventory has no group `{name}`"
            yield Finding("not-read", (str(path),), message, f"did you mean `{match}`?", Severity.WARNING)


def _no_effect(groups: Contents) -> Iterator[Finding]:
    for said in groups.statements:
        for entry in said.variables if isinstance(said, GroupFile) else ():
            if entry.name == PRIORITY:
                message = "this has no effect here: Ansible reads it only in the inventory itself"
                yield Finding("not-read", entry.path, message, "write it there", Severity.WARNING)
