"""The files that are put on machines live in `templates/`, by subject; here they are found and filled in.

How a value is written is decided by the kind of file, and cannot be forgotten in a template: in a shell script each is
one quoted word, in YAML and JSON a JSON value, on a page escaped. In any other file a value has to be a word that no
reader of such files takes for more than that; `field`, `fields` and `in_quotes` are for places that hold more.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from provisioner.core.untrusted import UntrustedError, printable, visible
from provisioner.errors import UsageError

# Not an option, whatever reads it.
_WORD = re.compile(r"(?!-)[A-Za-z0-9_.:/@=,+~*-]*")
# One of several in a line, as systemd's EnvironmentFile and apt's sources take them without quotes: no blank ends it.
_FIELD = re.compile(r"[^\s\"'\\$`#]*")
# What a backslash stands before, between double quotes: in a shell, and in systemd's EnvironmentFile (systemd.exec(5)).
_SPECIAL = re.compile(r"[\"\\$`]")
_BEYOND_ASCII = re.compile(r"[^\x20-\x7e]")
_LARGEST_ESCAPED = 0xFFFF


class _Written(str):
    """A value that a filter has written as its place in the file needs it."""

    __slots__ = ()


@cache
def _root() -> Path:
    package = Path(__file__).parent
    # Inside a wheel the templates lie in the package, in a checkout beside it.
    return next(place for place in (package / "templates", package.parent / "templates") if place.is_dir())


def path(name: str) -> Path:
    """The template file of that name, such as `lab/entry.sh`."""
    return _root() / name


def render(name: str, **values: object) -> str:
    """The template with its values.

    A value that is missing raises jinja2.UndefinedError; one that the file cannot hold, UsageError.
    """
    # Most machines get the same files: each is made once.
    if all(map(_is_plain, values.values())):
        return _remembered(name, tuple(values.items()))
    return _rendered(name, values)


def _is_plain(value: object) -> bool:
    """Text, and tuples of it: those that are equal are written alike, which is not so of True and 1."""
    return type(value) is str or (type(value) is tuple and all(map(_is_plain, value)))


@lru_cache(maxsize=4096)
def _remembered(name: str, values: tuple[tuple[str, object], ...]) -> str:
    return _rendered(name, dict(values))


def _rendered(name: str, values: Mapping[str, object]) -> str:
    try:
        return environment(kind(name)).get_template(name).render(values)
    except UntrustedError as error:
        raise UsageError(
            f"a value cannot be written into {name.removesuffix('.j2')}: {error}",
            hint="Look where the inventory says it, and leave out what is no part of it: quotes, blanks, line breaks.",
        ) from error


def kind(name: str) -> Callable[[object], str]:
    """How values are written into the file that this template makes."""
    return next((write for end, write in _KINDS.items() if name.endswith(end)), _word)


@cache
def environment(write: Callable[[object], str]) -> Environment:
    """Jinja, with that way to write a value."""
    made = Environment(
        loader=FileSystemLoader(_root()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=write is _page,  # noqa: S701 - on pages; other files are not HTML, and written by `finalize`
        finalize=write,
        # Templates do not change while a program runs: nobody looks at the disk again for each file.
        auto_reload=False,
    )
    made.filters.update(field=_field, fields=_fields, in_quotes=_in_quotes)
    return made


def _shell(value: object) -> str:
    """Quoted where it is printed, and a word: what our scripts do with it may split it at blanks."""
    return shlex.quote(_word(value))


def _json(value: object) -> str:
    """JSON is YAML, and quoted as it must be."""
    return _BEYOND_ASCII.sub(_escaped, json.dumps(value, default=str, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF or (code > _LARGEST_ESCAPED and not found[0].isprintable()):
        raise UntrustedError("text", found[0])
    # YAML knows no pairs of surrogates, which JSON has for what is larger.
    return f"\\u{code:04x}" if code <= _LARGEST_ESCAPED else found[0]


def _page(value: object) -> str:
    return visible(str(value))


def _word(value: object) -> str:
    if isinstance(value, _Written):
        return value
    return _fitting(_WORD, value, "a plain word")


def _field(value: object) -> str:
    return _Written(_fitting(_FIELD, value, "a word without blanks and quotes"))


def _fields(values: Iterable[object]) -> str:
    return _Written(" ".join(_field(value) for value in values))


def _in_quotes(value: object) -> str:
    return _Written('"' + _SPECIAL.sub(r"\\\g<0>", printable(str(value))) + '"')


def _fitting(pattern: re.Pattern[str], value: object, expected: str) -> str:
    text = printable(str(value))
    if pattern.fullmatch(text):
        return text
    raise UntrustedError(expected, text)


_KINDS: Mapping[str, Callable[[object], str]] = {
    ".sh.j2": _shell,
    ".yaml.j2": _json,
    ".conflist.j2": _json,
    ".html.j2": _page,
}
