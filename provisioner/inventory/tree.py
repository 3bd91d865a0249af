"""The group tree put together: for every host its groups and its variables, merged as Ansible does it.

all < parent group < child group < host. A group's depth is its longest way from `all`; at the same depth
`ansible_group_priority` decides, then the alphabet, and the later one wins. Mappings replace each other whole
(https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#how-variables-are-merged).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.groups import Child, GroupVariables, Member, Named, Statement
from provisioner.inventory.variables import Variable

Variables = Mapping[str, Variable]


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
    """Put the statements together; a group that contains itself leaves a tree without hosts."""
    every = tuple(statements)
    places = {said.group: said.path for said in reversed(every) if isinstance(said, Named)}
    in_order = {said.group: places[said.group] for said in every if isinstance(said, Named)}
    parents = _parents(every, in_order)
    try:
        order = tuple(TopologicalSorter(parents).static_order())
    except CycleError as error:
        return Tree(in_order, ()), (_loop(error.args[1], every),)
    hosts = tuple(_hosts(every, parents, _ranks(order, parents, every)))
    return Tree(in_order, hosts), ()


def _parents(statements: Iterable[Statement], groups: Iterable[str]) -> dict[str, frozenset[str]]:
    """Who stands directly above each group; whoever has nobody is below `all`."""
    above: dict[str, frozenset[str]] = {group: frozenset() for group in (*groups, "all")}
    for said in statements:
        if isinstance(said, Child):
            above[said.child] = above[said.child] | {said.group}
    return {group: names or frozenset({"all"} - {group}) for group, names in above.items()}


def _loop(cycle: list[str], statements: Iterable[Statement]) -> Finding:
    links = (said for said in statements if isinstance(said, Child) and said.child in cycle and said.group in cycle)
    path = max((link.path for link in links), key=len, default=("all",))
    return Finding(
        "group-loop",
        path,
        f"groups contain each other: {' > '.join(reversed(cycle))}",
        "take one of them out of the other's `children:`",
    )


def _ranks(
    order: Iterable[str], parents: Mapping[str, frozenset[str]], statements: tuple[Statement, ...]
) -> dict[str, tuple[tuple[int, int, str], Variables]]:
    """For each group its rank (depth, priority, name) and its variables; `order` has parents first."""
    variables: dict[str, dict[str, Variable]] = {}
    for said in statements:
        if isinstance(said, GroupVariables):
            variables.setdefault(said.group, {}).update({entry.name: entry for entry in said.variables})
    depth: dict[str, int] = {}
    for group in order:
        depth[group] = max((depth[parent] + 1 for parent in parents[group]), default=0)
    return {
        group: ((depth[group], _priority(variables.get(group, {})), group), variables.get(group, {})) for group in depth
    }


def _priority(variables: Variables) -> int:
    given = variables.get("ansible_group_priority")
    return given.value if given and isinstance(given.value, int) else 1


def _above(group: str, parents: Mapping[str, frozenset[str]]) -> Iterator[str]:
    yield group
    for parent in parents[group]:
        yield from _above(parent, parents)


def _hosts(
    statements: Iterable[Statement],
    parents: Mapping[str, frozenset[str]],
    ranks: Mapping[str, tuple[tuple[int, int, str], Variables]],
) -> Iterator[TreeHost]:
    members: dict[str, list[Member]] = {}
    for said in statements:
        if isinstance(said, Member):
            members.setdefault(said.host, []).append(said)
    for name, places in members.items():
        groups = {group for place in places for group in _above(place.group, parents)}
        merged: dict[str, Variable] = {}
        for group in sorted(groups, key=lambda group: ranks[group][0]):
            merged |= ranks[group][1]
        for place in places:
            merged |= {entry.name: entry for entry in place.variables}
        yield TreeHost(name, places[0].path, tuple(sorted(groups - {"all"})), merged)
