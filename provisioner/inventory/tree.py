"""Builds the group tree: for every host its groups and its variables, merged as in Ansible.

all < parent group < child group < host. A group's depth is its longest path from `all`; at the same depth
`ansible_group_priority` decides, then the alphabet, and the later one wins. Files in `group_vars/` come after all
groups of the inventory itself, `host_vars/` last. A mapping replaces another as a whole
(https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#how-variables-are-merged).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from provisioner.errors import Severity
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.statements import (
    ALL,
    UNGROUPED,
    Child,
    GroupFile,
    GroupVariables,
    HostFile,
    Member,
    Named,
    Statement,
)
from provisioner.inventory.variables import Variable

Variables = Mapping[str, Variable]
Parents = Mapping[str, frozenset[str]]
PRIORITY = "ansible_group_priority"


@dataclass(frozen=True, slots=True)
class TreeHost:
    """A host with the names of all its groups (sorted, without `all`) and its merged variables.

    `path` is where it is named first.
    """

    name: str
    path: KeyPath
    groups: tuple[str, ...]
    variables: Variables


@dataclass(frozen=True, slots=True)
class Tree:
    """The groups, each with the place where it is named first, and the hosts in the file's order."""

    groups: Mapping[str, KeyPath]
    hosts: tuple[TreeHost, ...]


def grow(statements: Iterable[Statement]) -> tuple[Tree, tuple[Finding, ...]]:
    """The tree of the statements; when a group contains itself, it has no hosts."""
    every = tuple(statements)
    places = {said.group: said.path for said in reversed(every) if isinstance(said, Named)}
    in_order = {said.group: places[said.group] for said in every if isinstance(said, Named)}
    above = parents(every)
    try:
        order = tuple(TopologicalSorter(above).static_order())
    except CycleError as error:
        return Tree(in_order, ()), (_loop(error.args[1], every),)
    return Tree(in_order, tuple(_hosts(every, above, _ranked(order, above, every)))), tuple(_traps(every))


def parents(statements: Iterable[Statement]) -> Parents:
    """The direct parents of each group; a group without any is a child of `all`."""
    above: dict[str, frozenset[str]] = {ALL: frozenset(), UNGROUPED: frozenset()}
    for said in statements:
        if isinstance(said, Named):
            above.setdefault(said.group, frozenset())
        elif isinstance(said, Child):
            above[said.child] = above.get(said.child, frozenset()) | {said.group}
    return {group: names or frozenset({ALL} - {group}) for group, names in above.items()}


def _loop(cycle: list[str], statements: Iterable[Statement]) -> Finding:
    links = [said for said in statements if isinstance(said, Child) and said.child in cycle and said.group in cycle]
    path = max((link.path for link in reversed(links)), key=len)
    return Finding(
        "group-loop",
        path,
        f"groups contain each other: {' > '.join(reversed(cycle))}",
        "take one of them out of the other's children",
    )


def _traps(statements: tuple[Statement, ...]) -> Iterator[Finding]:
    """What Ansible accepts, but is hardly ever intended."""
    groups = {said.group for said in statements if isinstance(said, Named)} | {ALL, UNGROUPED}
    seen: set[str] = set()
    for said in statements:
        if isinstance(said, Child) and UNGROUPED in (said.group, said.child) and said.group != ALL:
            hint = "give the group another name"
            yield Finding("ungrouped", said.path, "`ungrouped` is for hosts that are in no group", hint)
        elif isinstance(said, Member) and said.host in groups:
            message = f"`{said.host}` is a group and a host: Ansible would give the host's variables to the group"
            yield Finding("same-name", said.path, message, "give one of them another name")
        elif isinstance(said, Member) and said.port and said.host in seen:
            message = f"the port is not read: Ansible uses it only where `{said.host}` is named first"
            yield Finding("not-read", said.path, message, "write it there, or as ansible_port", Severity.WARNING)
        if isinstance(said, Member):
            seen.add(said.host)


def _ranked(order: Iterable[str], above: Parents, statements: Iterable[Statement]) -> tuple[str, ...]:
    """The groups by precedence: the last one wins; `order` has parents first."""
    priorities = {
        said.group: entry.value
        for said in statements
        if isinstance(said, GroupVariables)
        for entry in said.variables
        if entry.name == PRIORITY and isinstance(entry.value, int)
    }
    depth: dict[str, int] = {}
    for group in order:
        depth[group] = max((depth[parent] + 1 for parent in above[group]), default=0)
    return tuple(sorted(depth, key=lambda group: (depth[group], priorities.get(group, 1), group)))


def _above(groups: Iterable[str], above: Parents) -> frozenset[str]:
    """These groups and all their ancestors."""
    found: set[str] = set()
    ahead = set(groups)
    while ahead:
        found |= ahead
        ahead = {parent for group in ahead for parent in above[group]} - found
    return frozenset(found)


def _direct(places: Iterable[Member]) -> frozenset[str]:
    """The groups that a host is directly in: `ungrouped`, named or not, only when it is in no other group."""
    named = frozenset(place.group for place in places)
    return named - {UNGROUPED} if named - {ALL, UNGROUPED} else frozenset({UNGROUPED})


def _hosts(statements: tuple[Statement, ...], above: Parents, ranked: tuple[str, ...]) -> Iterator[TreeHost]:
    members: dict[str, list[Member]] = {}
    for said in statements:
        if isinstance(said, Member):
            members.setdefault(said.host, []).append(said)
    inline, in_files, of_hosts = (_by_owner(statements, kind) for kind in (GroupVariables, GroupFile, HostFile))
    for name, places in members.items():
        groups = _above(_direct(places), above)
        own = [group for group in ranked if group in groups]
        port = [places[0].port] if places[0].port else []
        layers = (
            *(entry for group in own for entry in inline.get(group, ()) if entry.name != PRIORITY),
            *(entry for group in own for entry in in_files.get(group, ())),
            *port,
            *(entry for place in places for entry in place.variables),
            *of_hosts.get(name, ()),
        )
        merged = {entry.name: entry for entry in layers}
        yield TreeHost(name, places[0].path, tuple(sorted(groups - {ALL})), merged)


def _by_owner(
    statements: Iterable[Statement], kind: type[GroupVariables | GroupFile | HostFile]
) -> Mapping[str, list[Variable]]:
    found: dict[str, list[Variable]] = {}
    for said in statements:
        if isinstance(said, kind):
            owner = said.host if isinstance(said, HostFile) else said.group
            found.setdefault(owner, []).extend(said.variables)
    return found
