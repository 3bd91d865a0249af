"""YAML of files and hosts, read within limits: by libyaml where PyYAML has it, counted before it uses memory.

The only place that reads YAML. A few hundred bytes can stand for gigabytes: aliases (`*name`) name what was written
before, and aliases of aliases multiply. So everything is counted while it is composed, an alias as often as it is used.
libyaml's own composer would recurse without limit on the C stack, which crashes the process: it only parses here.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.events import AliasEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

# Ten times what the largest manifests have (7,000 lines), and enough for an inventory of 5000 hosts.
# A long text counts as one more value for each CHARACTERS_PER_VALUE; otherwise an alias could repeat megabytes.
MOST_VALUES = 300_000
CHARACTERS_PER_VALUE = 100
MOST_CHARACTERS = 16 * 2**20
# Nested groups take two levels each; schemas of custom resources have about 40.
MOST_DEPTH = 100
# Longer numbers are read in quadratic time (`1:1:1:...` is one too), and Python refuses to print them.
LONGEST_NUMBER = 100
_NUMBERS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))


class TooMuchError(yaml.MarkedYAMLError):
    """YAML that exceeds the limits; `problem` says which, `problem_mark` where."""


class _Python(Reader, Scanner, Parser):
    """PyYAML without libyaml."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


_QUICK: Any = yaml.cyaml.CParser if yaml.__with_libyaml__ else _Python  # type: ignore[attr-defined]
_Composer: Any = Composer


class _Bounded(_Composer, SafeConstructor, Resolver):  # type: ignore[misc]
    """PyYAML's safe loader with a parser of choice and limits: plain values only, and every error is a YAMLError."""

    parser: ClassVar[Any]

    def __init__(self, text: str) -> None:
        """Load a whole text; YAMLError when it cannot be YAML at all."""
        if len(text) > MOST_CHARACTERS:
            raise TooMuchError(None, None, f"it is larger than {MOST_CHARACTERS // 2**20} MiB")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise yaml.MarkedYAMLError(None, None, f"it is not Unicode text (character {error.start})") from None
        for base in (self.parser, Composer, SafeConstructor, Resolver):
            base.__init__(self, *((text,) if base is self.parser else ()))
        self.values = self.depth = 0
        # For each anchor that is complete, how many values it stands for.
        self.sizes: dict[str, int] = {}

    def compose_document(self) -> yaml.Node:
        """Anchors are valid within their document; the values of all documents are counted together."""
        self.sizes = {}
        document: yaml.Node = super().compose_document()
        return document

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        """A node and all below it; TooMuchError as soon as it is too much."""
        event = self.peek_event()
        if isinstance(event, AliasEvent):
            return self._alias(event, super().compose_node(parent, index))
        before, self.depth = self.values, self.depth + 1
        if self.depth > MOST_DEPTH:
            raise TooMuchError(None, None, f"it is nested deeper than {MOST_DEPTH} levels", event.start_mark)
        self._count(1, event.start_mark)
        node: yaml.Node = super().compose_node(parent, index)
        self.depth -= 1
        if event.anchor:
            self.sizes[event.anchor] = self.values - before
        return node

    def compose_scalar_node(self, anchor: str | None) -> yaml.ScalarNode:
        """A scalar; TooMuchError for a number that is too long."""
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
            problem = f"it is a number of more than {LONGEST_NUMBER} characters"
            raise TooMuchError(None, None, problem, node.start_mark)
        self._count(len(node.value) // CHARACTERS_PER_VALUE, node.start_mark)
        return node

    def _alias(self, event: AliasEvent, node: yaml.Node) -> yaml.Node:
        mark: Any = event.start_mark
        if event.anchor not in self.sizes:
            raise TooMuchError(None, None, f"recursion: the value of `*{event.anchor}` contains it", mark)
        self._count(self.sizes[event.anchor], mark)
        return node

    def _count(self, more: int, mark: Any) -> None:
        self.values += more
        if self.values > MOST_VALUES:
            how = "by its aliases (`*name`) it expands to" if self.sizes else "it has"
            raise TooMuchError(None, None, f"{how} more than {MOST_VALUES:,} values", mark)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """A node's value. An error of PyYAML's constructors, as for `2021-99-99` or `!!int x`, gets its place."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
            kind = node.tag.rpartition(":")[2]
            why = f" ({error})" if isinstance(error, ValueError) else ""
            problem = f"this is not of the type {kind}{why}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


class Loader(_Bounded, _QUICK):  # type: ignore[misc]
    """By libyaml; where that is absent, as `ExactLoader`."""

    parser = _QUICK


class ExactLoader(_Bounded, _Python):
    """By PyYAML itself: twenty times as slow, but more exact about where a syntax error is."""

    parser = _Python


def load(text: str) -> Any:
    """The value of one document; YAMLError when it is not YAML, or exceeds the limits."""
    return Loader(text).get_single_data()


def load_all(text: str) -> Iterator[Any]:
    """The values of all documents; YAMLError when they are not YAML, or exceed the limits."""
    loader: Any = Loader(text)
    while loader.check_data():
        yield loader.get_data()
