"""Inventories nobody would write: a directory of files in any format that speak about the same few groups and hosts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from provisioner.inventory.statements import ALL, UNGROUPED
from provisioner.inventory.tree import PRIORITY
from tests.ansible.reading import Case

# A group contains only those that stand behind it here, so there are no loops.
GROUPS = ("site", "m-1", "b", "web", "a", "z9")
HOSTS = ("h1", "h2", "h10", "w.example", "192.0.2.7")
PATTERNS = (*HOSTS, "h[1:3]", "h[01:05:2]:2222", "h1:22", "h2:23", "n[a:c]", "r[1:2]n[1:2]")
NAMES = ("x", "y", "z", "ansible_port", "long_name")

VALUES: tuple[object, ...] = (
    1, -7, 0, 1.5, True, False, None, "", "text", "two words", "1", "true", "yes", "1.20", "#", "a: b", "{{ x }}",
    "'", '"', "größe", "back\\slash", "line\nline", [], {}, [1, ["a", {"b": None}]], {"k": {"l": [1, "1"]}},
)  # fmt: skip
JSON = tuple(json.dumps(value) for value in VALUES)
ENDINGS = ("", ".yml", ".yaml", ".json", "/a", "/b.yml", "/c/d.json", "/.e", "/f.txt")
# As they stand behind `=`; what they mean depends on whether they stand at a host or in a `:vars` section.
WRITTEN = (
    "1", "-7", "1.5", "True", "true", "yes", "None", "null", "", "text", '"two words"', "'1'", '"1"', "\"'1'\"",
    "1.20", "1_000", "0x1f", "017", "1e3", "1+2j", "a=b", "[1,2]", "(1,)", "{'a':1}", "\"{'a': [1, 'b c']}\"",
    "a,b", "~", "...", "größe", "a\\\\b", "192.0.2.1:22", "{{x}}", "b'x'", "'a' # b",
)  # fmt: skip
# As they stand in a flow mapping.
SCALARS = (
    "1", "1.20", "1e3", "017", "0o17", "0x1F", "1_000", "1:30", "yes", "off", "~", "null", "''", "'1'", '"\\t"',
    "text", "two words", "2021-02-03", "[a, 1]", "{k: v}", "192.0.2.1", "a=b", ".5", "+1", "größe",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """What one file says about a group; values are as written in the file's format."""

    name: str
    hosts: dict[str, dict[str, str]]
    children: tuple[str, ...]
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Draw:
    """Chance, from a seed."""

    chance: Random

    def one(self, choices: Sequence[str]) -> str:
        """One of them."""
        return self.chance.choice(choices)

    def some(self, choices: Sequence[str], most: int) -> list[str]:
        """A few different ones, at times none."""
        return self.chance.sample(choices, min(self.chance.randint(0, most), len(choices)))

    def either(self) -> bool:
        """Heads or tails."""
        return self.chance.random() < 0.5

    def variables(self, values: Sequence[str]) -> dict[str, str]:
        """Up to three."""
        return {name: self.one(values) for name in self.some(NAMES, 3)}

    def groups(self, values: Sequence[str], hosts: Sequence[str]) -> list[Group]:
        """What one file says about one to five groups."""
        names = self.some((*GROUPS, ALL, UNGROUPED), 5) or [self.one(GROUPS)]
        return [self._group(name, values, hosts) for name in names]

    def _group(self, name: str, values: Sequence[str], hosts: Sequence[str]) -> Group:
        below = {ALL: GROUPS, UNGROUPED: ()}.get(name, GROUPS[GROUPS.index(name) + 1 :] if name in GROUPS else ())
        priority = {PRIORITY: self.one(("-1", "2", "10"))} if self.chance.random() < 0.3 else {}
        return Group(
            name,
            {host: self.variables(values) for host in self.some(hosts, 3)},
            tuple(self.some(below, 2)),
            self.variables(values) | priority,
        )


def _ini(groups: list[Group], draw: Draw) -> str:
    named = [name for group in groups for name in (group.name, *group.children)]
    sections = [f"[{name}]\n" for name in dict.fromkeys(named)]
    for group in groups:
        lines = [" ".join([f'"{host}"', *(f"{k}={v}" for k, v in own.items())]) for host, own in group.hosts.items()]
        sections.append("\n  ".join([f"[{group.name}]  # of hosts", *lines]) + "\n")
        sections.append("\n".join([f"[{group.name}:children]", *group.children]) + "\n")
        sections.append("\n".join([f"[{group.name}:vars]", *(f"{k} = {v}" for k, v in group.variables.items())]) + "\n")
    draw.chance.shuffle(sections)
    return "; a comment\n" + "\n".join(sections)


def _flow(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in values.items()) + "}"


def _yaml(groups: list[Group], nested: bool) -> str:
    """Each group at the top; or each below the one before it, where that may be."""
    top: dict[str, str] = {}
    for group in groups:
        hosts = ", ".join(f"'{host}': {_flow(own)}" for host, own in group.hosts.items())
        parts = [f"vars: {_flow(group.variables)}", f"hosts: {{{hosts}}}"]
        parts += [f"children: {{{', '.join(f'{child}: ' for child in group.children)}}}"]
        top[group.name] = "{" + ", ".join(parts if nested else reversed(parts)) + "}"
    if nested and "all" not in top:
        return "all:\n  children:\n" + "".join(f"    {name}: {text}\n" for name, text in top.items() if name != "all")
    return "".join(f"{name}: {text}\n" for name, text in top.items())


def _script(groups: list[Group], with_meta: bool) -> str:
    listing: dict[str, Any] = {
        group.name: {
            "hosts": list(group.hosts),
            "children": list(group.children),
            "vars": {name: json.loads(value) for name, value in group.variables.items()},
        }
        for group in groups
    }
    known = {host: {k: json.loads(v) for k, v in own.items()} for group in groups for host, own in group.hosts.items()}
    if with_meta:
        return f"#!/bin/sh\ncat <<'END'\n{json.dumps(listing | {'_meta': {'hostvars': known}})}\nEND\n"
    answers = "\n".join(f"'--host {host}') cat <<'END'\n{json.dumps(own)}\nEND\n;;" for host, own in known.items())
    return f"#!/bin/sh\ncase \"$*\" in\n--list) cat <<'END'\n{json.dumps(listing)}\nEND\n;;\n{answers}\nesac\n"


def _file(draw: Draw) -> tuple[str, str]:
    kind = draw.one(("ini", "yaml", "script"))
    if kind == "ini":
        return draw.one(("a.ini", "b", "B.inventory", "c.ini")), _ini(draw.groups(WRITTEN, PATTERNS), draw)
    if kind == "yaml":
        return draw.one(("a.yaml", "d.yml", "e", "9.yaml")), _yaml(draw.groups(SCALARS, PATTERNS), draw.either())
    return draw.one(("f.sh", "A", "g.json")), _script(draw.groups(JSON, HOSTS), draw.either())


def _beside(draw: Draw) -> tuple[str, str]:
    """A file of variables."""
    directory, names = ("group_vars", (*GROUPS, ALL, UNGROUPED)) if draw.either() else ("host_vars", HOSTS)
    path = f"inventory/{directory}/{draw.one(names)}{draw.one(ENDINGS)}"
    values = {name: json.loads(draw.one(JSON)) for name in draw.some((*NAMES, PRIORITY), 3)}
    return path, json.dumps(values)


def inventory(seed: int) -> Case:
    """One to three files in a directory, and up to four files of variables."""
    draw = Draw(Random(seed))  # noqa: S311
    files = {f"inventory/{name}": text for name, text in (_file(draw) for _ in range(draw.chance.randint(1, 3)))}
    files |= dict(_beside(draw) for _ in range(draw.chance.randint(0, 4)))
    # A name cannot be a file and a directory.
    clear = {name: text for name, text in files.items() if not any(other.startswith(f"{name}/") for other in files)}
    return Case(f"seed {seed}", tuple(clear.items()))
