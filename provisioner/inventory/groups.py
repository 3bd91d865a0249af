"""Ansible's group tree, read from the file as a flat list of statements in the file's order.

A group may stand in several places and a host in many groups; putting it all together is `tree.py`'s work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.inventory import ranges
from provisioner.inventory.findings import Finding, KeyPath, did_you_mean
from provisioner.inventory.messages import found
from provisioner.inventory.variables import Variable

_SECTIONS = ("vars", "hosts", "children")


@dataclass(frozen=True, slots=True)
class Named:
    """A group stands at `path`."""

    group: str
    path: KeyPath


@dataclass(frozen=True, slots=True)
class Child:
    """A group belongs to another one."""

    group: str
    child: str
    path: KeyPath


@dataclass(frozen=True, slots=True)
class GroupVariables:
    """`vars` of a group."""

    group: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A host (one of a range) belongs to a group, with variables of its own."""

    group: str
    host: str
    path: KeyPath
    variables: tuple[Variable, ...]


Statement = Named | Child | GroupVariables | Member


def not_a_mapping(value: object) -> tuple[Finding, ...]:
    """What to say about a file that is no inventory at all."""
    what = "is empty" if value is None else f"is {found(value)}"
    example = "see inventories/existing-servers.yaml for an example"
    message = f"an inventory is a mapping that begins with `all:`, this file {what}"
    return (Finding("not-an-inventory", (), message, example),)


def read(value: object) -> Iterator[Statement | Finding]:
    """All statements of an inventory, a mapping of groups; where there is none to make, what is wrong."""
    if not isinstance(value, dict):
        yield from not_a_mapping(value)
        return
    for name, content in value.items():
        yield from _group(name, content, (str(name),))


def _group(name: object, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    if not isinstance(name, str) or not name:
        yield Finding("bad-name", path, f"a group's name is text, this is {found(name)}", "put it in quotes")
        return
    yield Named(name, path)
    sections = {"vars": _variables_of, "hosts": _hosts, "children": _subgroups}
    for key, content in _mapping(value, path, "a group has `hosts:`, `children:` and `vars:`"):
        if isinstance(content, Finding):
            yield content
        elif key in sections:
            yield from sections[key](name, content, (*path, key))
        else:
            yield Finding(
                "unknown-key", (*path, key), f"`{key}` is not a part of a group", did_you_mean(key, _SECTIONS)
            )


def _mapping(value: object, path: KeyPath, expected: str) -> Iterator[tuple[str, object]]:
    """The entries of a mapping that may be empty; a single text stands for one empty entry, as in Ansible."""
    if isinstance(value, str):
        value = {value: None}
    if isinstance(value, list):
        yield (
            "",
            Finding(
                "wrong-type",
                path,
                f"{expected}; this is a list",
                "write `name:` on lines of their own instead of `- name`",
            ),
        )
    elif value is not None and not isinstance(value, dict):
        yield (
            "",
            Finding(
                "wrong-type",
                path,
                f"{expected}; this is {found(value)}",
                "write lines of `name: value` below it",
            ),
        )
    else:
        yield from ((key if isinstance(key, str) else str(key), content) for key, content in (value or {}).items())


def _variables_of(group: str, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    variables = tuple(_variables(value, path, "variables are a mapping of names and values"))
    yield from (entry for entry in variables if isinstance(entry, Finding))
    yield GroupVariables(group, tuple(entry for entry in variables if isinstance(entry, Variable)))


def _variables(value: object, path: KeyPath, expected: str) -> Iterator[Variable | Finding]:
    if isinstance(value, str):
        yield Finding(
            "wrong-type", path, f"{expected}; this is {found(value)}", "write lines of `name: value` below it"
        )
        return
    for name, content in _mapping(value, path, expected):
        yield content if isinstance(content, Finding) else Variable(name, content, (*path, name))


def _subgroups(group: str, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    for name, content in _mapping(value, path, "`children:` is a mapping of groups"):
        if isinstance(content, Finding):
            yield content
        else:
            yield Child(group, name, (*path, name))
            yield from _group(name, content, (*path, name))


def _hosts(group: str, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    for pattern, content in _mapping(value, path, "`hosts:` is a mapping of host names"):
        if isinstance(content, Finding):
            yield content
        else:
            yield from _members(group, pattern, content, (*path, pattern))


def _members(group: str, pattern: str, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    entries = tuple(_variables(value, path, "a host's variables are a mapping of names and values"))
    variables = tuple(entry for entry in entries if isinstance(entry, Variable))
    yield from (entry for entry in entries if isinstance(entry, Finding))
    plain, port = ranges.split_port(pattern)
    if port is not None:
        variables = (Variable("ansible_port", port, path), *variables)
    try:
        names = ranges.expand(plain)
    except ValueError as error:
        yield Finding("bad-range", path, f"in the host pattern `{pattern}` {error}", "for example worker[1:3]")
        names = (plain,)
    yield from (Member(group, name, path, variables) for name in names)
