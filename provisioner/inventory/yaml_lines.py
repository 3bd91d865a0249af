"""YAML with line numbers: the value as PyYAML (and so Ansible) reads it, and for every path in it the line
and the text as written. Equal keys in one mapping, which PyYAML lets pass, are found here. JSON is read as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from provisioner import bounded_yaml
from provisioner.inventory import plain_values
from provisioner.inventory.findings import Finding, KeyPath

# The messages of PyYAML, and their usual causes.
_CAUSES = {
    "cannot start any token": "indent with spaces, never with tabs; quote text that begins with @ or %",
    "mapping values are not allowed": "check the indentation; text that contains `: ` must be in quotes",
    "expected <block end>": "check the indentation: keys of one mapping start in the same column",
    "could not find expected ':'": "a key needs `: ` after it; check the indentation here and above",
    "unhashable": "a `{{ template }}` is not filled in here; other text that begins with { needs quotes",
    "<document start>": "is this Ansible's INI format? Then give the file another ending, such as .ini",
    "recursion": "remove the alias from the value that it names",
    "nested deeper": "is it damaged, or made by a program? No inventory is nested like that",
    "more than": "write what is really needed, without aliases of aliases",
    "larger than": "split it: variables may be in files in group_vars/ and host_vars/",
    "not of the type": "correct it, or put it in quotes if it is text",
    "special characters": "remove the control characters: an editor can show them",
    "undefined alias": "define the anchor with `&name` before it is used with `*name`",
    "single document": "keep one inventory in one file: remove the second `---`",
}

# A text of at most so many characters is read again for the exact line of its error: that takes a few seconds.
_QUICKLY_READ = 2**19

_USUALLY = "check this line and the one before it"


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


class _Loader(bounded_yaml.Loader):
    """A safe loader, which keeps unknown tags as `Tagged` for the code that reads the value."""


_Loader.add_constructor(None, lambda loader, node: Tagged(node.tag))
# Ansible's own tags are refused only where the value is read: other variables may have whatever Ansible accepts.
_KNOWN_TAGS = frozenset((*yaml.SafeLoader.yaml_constructors, "!vault", "!vault-encrypted", "!unsafe"))


def read(text: str, file: str) -> Document:
    """Read one YAML or JSON document; a syntax error becomes the document's only finding."""
    top: dict[KeyPath, int] = {(file,): 1}
    json_value = _json(text) if text.lstrip().startswith("{") else None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, top, {})
        findings = tuple(_faults(node, file))
        value = loader.construct_document(node)
        places = tuple(_places(node, (file,)))
    except yaml.YAMLError as error:
        # JSON may be indented with tabs: then lines are not known.
        return Document(json_value, top, {}, () if json_value is not None else (_wrong(text, error, file),))
    return Document(
        value if json_value is None else json_value,
        {**top, **{path: line for path, line, _ in places}},
        {path: text for path, _, text in places if text is not None},
        findings,
    )


def _json(text: str) -> object:
    """Numbers and escapes have other rules in JSON; Ansible tries it first. None when it is not JSON."""
    try:
        return plain_values.from_json(text)
    except ValueError:
        return None


def _wrong(text: str, error: yaml.YAMLError, file: str) -> Finding:
    """What is wrong with a text that is not YAML, or exceeds the limits."""
    too_much = isinstance(error, bounded_yaml.TooMuchError)
    exact = error if too_much or len(text) > _QUICKLY_READ else _exact(text, error)
    mark = getattr(exact, "problem_mark", None)
    problem = getattr(exact, "problem", None) or getattr(exact, "reason", None) or str(exact)
    hint = next((cause for words, cause in _CAUSES.items() if words in problem), _USUALLY)
    line = (mark.line if mark else text[: getattr(exact, "position", 0)].count("\n")) + 1
    if too_much:
        return Finding("too-much", (file,), f"this is not read: {problem}", hint, line=line)
    return Finding("yaml", (file,), f"this is not valid YAML: {problem}", hint, line=line)


def _exact(text: str, error: yaml.YAMLError) -> yaml.YAMLError:
    """The error with PyYAML's own words and line, which its users know; libyaml's is often a line further down."""
    try:
        bounded_yaml.ExactLoader(text).get_single_node()
    except yaml.YAMLError as exact:
        return exact
    return error


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


def _faults(root: yaml.Node, file: str) -> Iterator[Finding]:
    """Unknown tags and equal keys. Walks every node once, also where aliases make a loop."""
    seen: set[int] = set()
    ahead: list[tuple[yaml.Node, KeyPath]] = [(root, (file,))]
    while ahead:
        node, path = ahead.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        ahead += [(below, (*path, key)) for key, _, below in _children(node)]
        if node.tag not in _KNOWN_TAGS:
            hint = "write the plain value without a tag"
            yield Finding("tag", path, f"the YAML tag {node.tag} is not known", hint)
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
                f"this key is given a second time, first in line {first[str(key)]}",
                "YAML would silently use the last one: keep one of them",
                line=line,
            )
        first.setdefault(str(key), line)
