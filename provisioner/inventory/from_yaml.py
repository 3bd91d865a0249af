"""Inventories in YAML (and JSON): a mapping of groups, and groups in them."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.inventory import ranges
from provisioner.inventory.findings import Finding, KeyPath, did_you_mean
from provisioner.inventory.messages import found
from provisioner.inventory.statements import Child, Contents, GroupVariables, Member, Named, Statement, within
from provisioner.inventory.variables import Variable
from provisioner.inventory.yaml_lines import Document

_SECTIONS = ("vars", "hosts", "children")
# Four times the longest name that a host can have (253 characters).
LONGEST_PATTERN = 1_000


def read(document: Document, file: str) -> Contents:
    """All statements of an inventory, and findings for everything that cannot be read."""
    value = document.value
    if not isinstance(value, dict) or "plugin" in value:
        wrong = document.findings or (_no_inventory(value, file),)
        return Contents(findings=wrong, lines=document.lines, sound=False)
    every = (entry for name, content in value.items() for entry in _group(name, content, (file, str(name))))
    said = tuple(within(every, file))
    return Contents(
        tuple(entry for entry in said if not isinstance(entry, Finding)),
        (*document.findings, *(entry for entry in said if isinstance(entry, Finding))),
        document.lines,
        document.texts,
    )


def _no_inventory(value: object, file: str) -> Finding:
    if isinstance(value, dict):
        message = f"this is the configuration of Ansible's inventory plug-in {value['plugin']}"
        hint = (
            "plug-ins need Ansible: save the output of `ansible-inventory --list --export --yaml -i FILE` and use that"
        )
        return Finding("unsupported", (file,), message, hint)
    what = "is empty" if value is None else f"is {found(value)}"
    message = f"an inventory is a mapping that begins with `all:`, this file {what}"
    return Finding("not-an-inventory", (file,), message, "see inventories/existing-servers.yaml for an example")


def _group(name: object, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    if not isinstance(name, str) or not name:
        yield _no_name(name, path[:-1])
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
        for key, content in (value or {}).items():
            yield (key, content) if isinstance(key, str) else ("", _no_name(key, path))


def _no_name(key: object, path: KeyPath) -> Finding:
    return Finding("bad-name", (*path, str(key)), f"a name is text, this is {found(key)}", "put it in quotes")


def _variables_of(group: str, value: object, path: KeyPath) -> Iterator[Statement | Finding]:
    said = tuple(variables_in(value, path, "variables are a mapping of names and values"))
    yield from (entry for entry in said if isinstance(entry, Finding))
    yield GroupVariables(group, tuple(entry for entry in said if isinstance(entry, Variable)))


def variables_in(value: object, path: KeyPath, expected: str) -> Iterator[Variable | Finding]:
    """The variables of a mapping (`expected` says that it has to be one), or what is wrong with it."""
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
    said = tuple(variables_in(value, path, "a host's variables are a mapping of names and values"))
    yield from (entry for entry in said if isinstance(entry, Finding))
    yield from members(group, pattern, path, tuple(entry for entry in said if isinstance(entry, Variable)))


def members(group: str, pattern: str, path: KeyPath, variables: tuple[Variable, ...]) -> Iterator[Statement | Finding]:
    """The hosts of a pattern such as `worker[1:3]:2222`."""
    if len(pattern) > LONGEST_PATTERN:
        message = f"the host pattern has more than {LONGEST_PATTERN} characters"
        yield Finding("bad-range", path, message, "write hosts on lines of their own")
        return
    plain, number = ranges.split_port(pattern)
    port = Variable("ansible_port", number, path) if number else None
    try:
        names = ranges.expand(plain)
    except ValueError as error:
        yield Finding("bad-range", path, f"in the host pattern `{pattern}`, {error}", "for example worker[1:3]")
        names = (plain,)
    yield from (Member(group, name, path, variables, port) for name in names)
