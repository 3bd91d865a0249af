"""YAML with line numbers: the value as PyYAML (and so Ansible) reads it, and for every path in it the line
and the text as written. Equal keys in one mapping, which PyYAML lets pass, are found here. JSON is read as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from provisioner.inventory.findings import Finding, KeyPath

# What PyYAML says, and what people usually did.
_CAUSES = {
    "cannot start any token": "indent with spaces, never with tabs; quote text that begins with @ or %",
    "mapping values are not allowed": "check the indentation; text that contains `: ` must stand in quotes",
    "expected <block end>": "check the indentation: keys of one mapping stand below each other",
    "could not find expected ':'": "a key needs `: ` after it; check the indentation here and above",
    "unhashable": "a `{{ template }}` is not filled in here; other text that begins with { needs quotes",
    "<document start>": "is this Ansible's INI format? Then give the file another ending, such as .ini",
    "recursion": "something in this file contains itself, or is nested without end",
    "special characters": "remove the control characters: an editor can show them",
    "undefined alias": "define the anchor with `&name` before it is used with `*name`",
    "single document": "keep one inventory in one file: remove the second `---`",
}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag that plain YAML does not know, such as `!vault`."""

    tag: str


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: its value, and for each path the line (from 1) of its key and, for scalars, the text.

    All paths begin with the name of the file.
    """

    value: object
    lines: Mapping[KeyPath, int]
    texts: Mapping[KeyPath, str]
    findings: tuple[Finding, ...] = ()


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which keeps unknown tags as `Tagged` for whoever reads that value."""


_Loader.add_constructor(None, lambda loader, node: Tagged(node.tag))


def read(text: str, file: str) -> Document:
    """Read one YAML or JSON document; a syntax error becomes the document's only finding."""
    top: dict[KeyPath, int] = {(file,): 1}
    json_value = _json(text) if text.lstrip().startswith("{") else None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, top, {})
        findings = tuple(_duplicates(node, file))
        value = loader.construct_document(node)
        places = tuple(_places(node, (file,)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # JSON may be indented with tabs: then lines are not known.
        return Document(json_value, top, {}, () if json_value is not None else (_syntax(error, file),))
    return Document(
        value if json_value is None else json_value,
        {**top, **{path: line for path, line, _ in places}},
        {path: text for path, _, text in places if text is not None},
        findings,
    )


def _json(text: str) -> object:
    """Numbers and escapes have other rules in JSON; Ansible tries it first. None where it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _syntax(error: Exception, file: str) -> Finding:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    hint = next((cause for words, cause in _CAUSES.items() if words in problem), "")
    message = f"this is not valid YAML: {problem}"
    line = mark.line + 1 if mark else 1
    return Finding("yaml", (file,), message, hint or "check this line and the one before it", line=line)


def _key(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "?"


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node, yaml.Node]]:
    """Key or index, the node whose line counts, and the node below."""
    if isinstance(node, yaml.MappingNode):
        yield from ((_key(key), key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((index, item, item) for index, item in enumerate(node.value))


def _places(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int, str | None]]:
    for key, at, below in _children(node):
        text = below.value if isinstance(below, yaml.ScalarNode) else None
        yield (*path, key), at.start_mark.line + 1, text
        yield from _places(below, (*path, key))


def _duplicates(root: yaml.Node, file: str) -> Iterator[Finding]:
    """Walks every node once, also where aliases make a loop."""
    seen: set[int] = set()
    ahead: list[tuple[yaml.Node, KeyPath]] = [(root, (file,))]
    while ahead:
        node, path = ahead.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        ahead += [(below, (*path, key)) for key, _, below in _children(node)]
        if isinstance(node, yaml.MappingNode):
            yield from _equal_keys(node, path)


def _equal_keys(node: yaml.MappingNode, path: KeyPath) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for key, at, _ in _children(node):
        line = at.start_mark.line + 1
        if key in first and isinstance(at, yaml.ScalarNode) and at.tag != "tag:yaml.org,2002:merge":
            yield Finding(
                "duplicate-key",
                (*path, key),
                f"this key stands here a second time, first in line {first[str(key)]}",
                "YAML would silently take the last one: keep one of them",
                line=line,
            )
        first.setdefault(str(key), line)
