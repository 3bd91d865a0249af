"""Inventories in Ansible's INI format: `[group]`, `[group:children]`, `[group:vars]`, and hosts with variables.

Values are Python literals where they can be, text otherwise, as in Ansible. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from provisioner.errors import Severity
from provisioner.inventory import literals
from provisioner.inventory.findings import Finding, KeyPath, did_you_mean, nearest
from provisioner.inventory.from_yaml import members
from provisioner.inventory.statements import (
    ALL,
    UNGROUPED,
    Child,
    Contents,
    GroupVariables,
    Member,
    Named,
    Statement,
    within,
)
from provisioner.inventory.variables import Variable

# Lists and mappings are written on one line too.
LONGEST_LINE = 2**16
_KINDS = ("hosts", "children", "vars")
_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
# Probably meant as a section: a name with blanks, or followed by a `;` comment, which Ansible does not accept.
_MEANT_AS_SECTION = re.compile(r"\[.*\]|\[[^\]]*\]\s*[;#].*")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a section, or (without `text`) the header of the section."""

    number: int
    group: str
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """The result of reading a line."""

    number: int
    entry: Statement | Finding


def read(text: str, file: str, known: Collection[str] = ()) -> Contents:
    """All statements, and findings for the other lines; `known` are the groups of the files that were read before."""
    lines = tuple(within(_lines(text, file), file))
    good = tuple(line for line in lines if isinstance(line, _Line))
    entries = (_Read(line.number, entry) for line in good for entry in _entries(line, file))
    every = tuple(entry if isinstance(entry, _Read) else _Read(0, entry) for entry in within(entries, file))
    statements = tuple(said.entry for said in every if not isinstance(said.entry, Finding))
    bad = (entry for entry in (*lines, *(said.entry for said in every)) if isinstance(entry, Finding))
    findings = (*bad, *_unknown_groups(good, statements, file, known), *_twice(every))
    written = {entry.path: entry.written for said in statements for entry in _own(said) if entry.written}
    return Contents(statements, findings, {(file,): 1, **_places(good, every, file)}, written)


def _lines(text: str, file: str) -> Iterator[_Line | Finding]:
    group, kind = UNGROUPED, "hosts"
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if len(stripped) > LONGEST_LINE:
            message = f"this line has more than {LONGEST_LINE:,} characters"
            hint = "write long values as YAML into group_vars/ or host_vars/"
            yield Finding("too-much", (file,), message, hint, line=number)
            continue
        header = _SECTION.fullmatch(stripped)
        if header and (header[2] or "hosts") in _KINDS:
            group, kind = header[1], header[2] or "hosts"
            yield _Line(number, group, kind)
        elif header or _MEANT_AS_SECTION.fullmatch(stripped):
            kind = ""  # the lines below it are skipped
            yield _bad_section(header, file, number)
        elif kind:
            yield _Line(number, group, kind, stripped)


def _bad_section(header: re.Match[str] | None, file: str, line: int) -> Finding:
    if header:
        message = f"`{header[2]}` is not a kind of section"
        return Finding("bad-section", (file,), message, did_you_mean(header[2], _KINDS), line=line)
    hint = "a section is [group], [group:children] or [group:vars], without blanks; after it only a # comment"
    return Finding("bad-section", (file,), "this is not a section", hint, line=line)


def _entries(line: _Line, file: str) -> Iterator[Statement | Finding]:
    if not line.text:
        if line.kind != "vars":
            yield Named(line.group, (file, line.group))
        return
    readers = {"hosts": _host, "children": _child, "vars": _group_variable}
    for entry in readers[line.kind](line, (file, line.group, line.kind)):
        yield replace(entry, line=line.number) if isinstance(entry, Finding) else entry


def _child(line: _Line, section: KeyPath) -> Iterator[Statement | Finding]:
    name = _GROUP.fullmatch(line.text)
    if not name:
        yield Finding(
            "bad-name", section, f"`{line.text}` is not a group's name", "one name per line, without variables"
        )
        return
    yield Child(line.group, name[1], (*section, name[1]))
    yield Named(name[1], (*section, name[1]))


def _group_variable(line: _Line, section: KeyPath) -> Iterator[Statement | Finding]:
    name, equals, written = line.text.partition("=")
    entry = _variable((name.strip(), equals, written.strip()), section)
    if isinstance(entry, Finding):
        yield entry
        return
    yield GroupVariables(line.group, (entry,))
    if isinstance(entry.value, str) and re.search(r"\s#", entry.written or ""):
        message = "everything after `=` is the value, including the comment"
        hint = "put the comment on a line of its own"
        yield Finding("comment", entry.path, message, hint, Severity.WARNING)


def _host(line: _Line, section: KeyPath) -> Iterator[Statement | Finding]:
    try:
        pattern, *words = shlex.split(line.text, comments=True)
    except ValueError:
        yield Finding("quotes", section, "a quotation mark is not closed", "put text with quotes into other quotes")
        return
    path = (*section, pattern)
    if pattern == "---" or pattern.endswith(":"):
        hint = "is this YAML? Then give the file the ending .yaml"
        yield Finding("bad-name", section, f"`{pattern}` is not a host's name", hint)
        return
    said = tuple(_variable(word.partition("="), path) for word in words)
    yield from (entry for entry in said if isinstance(entry, Finding))
    own = tuple(entry for entry in said if isinstance(entry, Variable))
    yield from members(line.group, pattern, path, own)
    for name in (name for name, times in Counter(entry.name for entry in own).items() if times > 1):
        hint = "Ansible would silently use the last one: keep one of them"
        yield Finding("duplicate-key", (*path, name), "this variable is set twice in the line", hint)


def _variable(parts: tuple[str, str, str], around: KeyPath) -> Variable | Finding:
    name, equals, written = parts
    if not equals or not name:
        message = f"expected `name=value`, found `{''.join(parts)}`"
        return Finding(
            "no-value", around, message, "write no blanks around `=` after a host; put text with blanks in quotes"
        )
    try:
        return Variable(name, literals.read(written), (*around, name), written)
    except literals.NotReadableError as error:
        return Finding("bad-value", (*around, name), f"this is not a valid value: {error}", "put it in quotes")


def _unknown_groups(
    lines: tuple[_Line, ...], statements: tuple[Statement, ...], file: str, known: Collection[str]
) -> Iterator[Finding]:
    """Findings for groups without a section of their own (an empty one is enough)."""
    sections = {line.group for line in lines if not line.text and line.kind != "vars"}
    groups = {*known, *sections, ALL, UNGROUPED}
    for line in lines:
        if not line.text and line.group not in groups:
            yield _unknown(line.group, (file, line.group), groups, line.number)
    for said in statements:
        if isinstance(said, Child) and said.child not in groups:
            yield _unknown(said.child, said.path, groups, 0)


def _unknown(group: str, path: KeyPath, groups: Collection[str], line: int) -> Finding:
    match = nearest(group, groups, 0.6)
    hint = f"did you mean `{match}`?" if match else f"add a section [{group}]; it may be empty"
    return Finding("no-group", path, f"the group `{group}` does not exist", hint, line=line)


def _twice(every: tuple[_Read, ...]) -> Iterator[Finding]:
    """A variable of a group, or a host in a group, that is given twice."""
    first: dict[KeyPath, int] = {}
    for said in every:
        paths = {entry.path for entry in _own(said.entry)} if isinstance(said.entry, GroupVariables) else set()
        paths |= {said.entry.path} if isinstance(said.entry, Member) else set()
        for path in paths:
            if first.setdefault(path, said.number) != said.number:
                message = f"this is given a second time, first in line {first[path]}"
                yield Finding("duplicate-key", path, message, "keep one of them", line=said.number)


def _own(said: Statement | Finding) -> tuple[Variable, ...]:
    return said.variables if isinstance(said, GroupVariables | Member) else ()


def _places(lines: tuple[_Line, ...], every: tuple[_Read, ...], file: str) -> dict[KeyPath, int]:
    places: dict[KeyPath, int] = {}
    for line in lines:
        places.setdefault((file, line.group), line.number)
        places.setdefault((file, line.group, line.kind), line.number)
    for said in every:
        places.setdefault(getattr(said.entry, "path", (file,)), said.number)
        for entry in _own(said.entry):
            places.setdefault(entry.path, said.number)
    return places
