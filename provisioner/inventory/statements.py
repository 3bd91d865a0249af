"""What the files of an inventory say, whatever their format: a flat list of statements in Ansible's order.

A group may appear in several places, and a host in many groups; `tree.py` puts all of it together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.ranges import MOST_HOSTS
from provisioner.inventory.variables import Variable

# These two always exist: `all` above everything, and `ungrouped` for hosts that are in no other group.
ALL, UNGROUPED = "all", "ungrouped"
# Twenty times the largest cluster: each host in many groups, with a line for each variable.
MOST_STATEMENTS = 20 * MOST_HOSTS

_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True)
class Named:
    """A group is named at `path`."""

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
    """Variables of a group, in the inventory itself."""

    group: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A host (one of a range) belongs to a group, with variables of its own.

    The `port` after its name counts only where the host is named first.
    """

    group: str
    host: str
    path: KeyPath
    variables: tuple[Variable, ...] = ()
    port: Variable | None = None


@dataclass(frozen=True, slots=True)
class GroupFile:
    """Variables of a group, in a file in `group_vars/`."""

    group: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class HostFile:
    """Variables of a host, in a file in `host_vars/`."""

    host: str
    variables: tuple[Variable, ...]


Statement = Named | Child | GroupVariables | Member | GroupFile | HostFile


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of one file, or of several in order.

    `lines` and `texts` have, by path, the line of a value (from 1) and, for scalars, the text as written.
    A file that could not be read at all is not `sound`: then there are only its findings.
    """

    statements: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    texts: Mapping[KeyPath, str] = field(default_factory=dict)
    sound: bool = True

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups in order, without repetition."""
        named = (said.group for said in self.statements if isinstance(said, Named))
        return tuple(dict.fromkeys((ALL, UNGROUPED, *named)))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts in order, without repetition."""
        return tuple(dict.fromkeys(said.host for said in self.statements if isinstance(said, Member)))


def join(sources: Iterable[Contents]) -> Contents:
    """The contents of several files, in order."""
    every = tuple(sources)
    return Contents(
        tuple(said for source in every for said in source.statements),
        tuple(finding for source in every for finding in source.findings),
        {path: line for source in every for path, line in source.lines.items()},
        {path: text for source in every for path, text in source.texts.items()},
        all(source.sound for source in every),
    )


def within(said: Iterable[_Said], file: str) -> Iterator[_Said | Finding]:
    """At most as many entries as a file may have: a short line can name thousands of hosts, and a file has many."""
    for number, entry in enumerate(said):
        if number == MOST_STATEMENTS:
            message = f"this has more than {MOST_STATEMENTS:,} entries about hosts and groups; the rest is not read"
            hint = f"are its ranges right? Kubernetes supports at most {MOST_HOSTS} nodes"
            yield Finding("too-much", (file,), message, hint)
            return
        yield entry


def failure(rule: str, file: str, message: str, hint: str) -> Contents:
    """A file that cannot be read as an inventory."""
    return Contents(findings=(Finding(rule, (file,), message, hint),), sound=False)


def variables(statements: Iterable[Statement]) -> Iterator[Variable]:
    """All variables in order."""
    for said in statements:
        if isinstance(said, Member) and said.port:
            yield said.port
        if not isinstance(said, Named | Child):
            yield from said.variables
