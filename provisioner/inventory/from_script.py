"""Dynamic inventories: what a script prints when it is called with `--list`, in Ansible's JSON format. Pure.

`{"web": {"hosts": ["w1"], "vars": {...}, "children": ["x"]}, "_meta": {"hostvars": {"w1": {...}}}}`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.errors import Severity
from provisioner.inventory.findings import Finding, KeyPath, did_you_mean
from provisioner.inventory.from_yaml import variables_in
from provisioner.inventory.messages import found
from provisioner.inventory.statements import Child, Contents, GroupVariables, Member, Named, Statement, failure
from provisioner.inventory.variables import Variable

META = "_meta"
_PARTS = ("hosts", "vars", "children")


def hosts(listing: Mapping[str, object]) -> tuple[str, ...]:
    """All hosts that are listed, each once."""
    groups = {name: content for name, content in listing.items() if name != META}
    said = (entry for name, content in groups.items() for entry in _group(name, content, (), {}))
    return tuple(dict.fromkeys(entry.host for entry in said if isinstance(entry, Member)))


def read(listing: object, file: str) -> Contents:
    """All statements of a listing that has `_meta.hostvars`; `file` is the script."""
    if not isinstance(listing, dict):
        message = f"`--list` has to print a mapping of groups, this is {found(listing)}"
        return failure("not-an-inventory", file, message, 'for example {"web": {"hosts": ["w1"]}}')
    place: KeyPath = (file, META, "hostvars")
    known, wrong = _hostvars(listing.get(META), place)
    groups = {name: content for name, content in listing.items() if name != META}
    said = tuple(entry for name, content in groups.items() for entry in _group(name, content, (file, name), known))
    bad = (entry for entry in said if isinstance(entry, Finding))
    good = tuple(entry for entry in said if not isinstance(entry, Finding))
    return Contents(good, (*wrong, *bad, *_left_out(known, hosts(listing), place)))


def _hostvars(meta: object, place: KeyPath) -> tuple[dict[str, tuple[Variable, ...]], tuple[Finding, ...]]:
    given = meta.get("hostvars") if isinstance(meta, dict) else None
    if not isinstance(given, dict):
        hint = "print {} when no host has variables"
        return {}, (Finding("wrong-type", place, f"expected a mapping, found {found(given)}", hint),)
    expected = "a host's variables are a mapping of names and values"
    said = {host: tuple(variables_in(content, (*place, host), expected)) for host, content in given.items()}
    bad = tuple(entry for entries in said.values() for entry in entries if isinstance(entry, Finding))
    good = {host: tuple(e for e in entries if isinstance(e, Variable)) for host, entries in said.items()}
    return good, bad


def _left_out(known: Mapping[str, object], listed: tuple[str, ...], place: KeyPath) -> Iterator[Finding]:
    for host in known.keys() - set(listed):
        message, hint = f"`{host}` is in no group and is left out", "add it to the hosts of a group"
        yield Finding("no-role", (*place, host), message, hint, Severity.WARNING)


def _group(
    name: str, content: object, path: KeyPath, known: Mapping[str, tuple[Variable, ...]]
) -> Iterator[Statement | Finding]:
    if isinstance(content, list):  # as old scripts do
        content = {"hosts": content}
    if not isinstance(content, dict) or not content.keys() & set(_PARTS):
        hint = 'for example {"hosts": ["w1"], "vars": {}, "children": []}'
        yield Finding("wrong-type", path, f"a group has hosts, vars or children, this is {found(content)}", hint)
        return
    yield Named(name, path)
    for number, host in _names(content, "hosts"):
        yield Member(name, host, (*path, "hosts", number), known.get(host, ()))
    entries = tuple(variables_in(content.get("vars", {}), (*path, "vars"), "variables are a mapping"))
    yield from (entry for entry in entries if isinstance(entry, Finding))
    yield GroupVariables(name, tuple(entry for entry in entries if isinstance(entry, Variable)))
    for number, child in _names(content, "children"):
        yield Child(name, child, (*path, "children", number))
        yield Named(child, (*path, "children", number))
    yield from _wrong_parts(content, path)


def _names(content: Mapping[str, object], part: str) -> Iterator[tuple[int, str]]:
    names = content.get(part)
    if isinstance(names, list):
        yield from ((number, name) for number, name in enumerate(names) if isinstance(name, str) and name)


def _wrong_parts(content: Mapping[str, object], path: KeyPath) -> Iterator[Finding]:
    for part in ("hosts", "children"):
        names = content.get(part, [])
        bad = [name for name in names if not isinstance(name, str) or not name] if isinstance(names, list) else [names]
        if bad:
            hint = 'print a list such as ["w1", "w2"]'
            yield Finding("wrong-type", (*path, part), f"expected a list of names, found {found(bad[0])}", hint)
    for part in content.keys() - set(_PARTS):
        hint = did_you_mean(part, _PARTS)
        yield Finding("unknown-key", (*path, part), "this is not a part of a group", hint, Severity.WARNING)
