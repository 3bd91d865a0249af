"""The files that are put on hosts are in `templates/`, by subject; this module finds and renders them.

The kind of file decides how a value is written, so that no template can forget to quote it: in a shell script each
value is one quoted word, in YAML and JSON a JSON value, in HTML escaped. In any other file a value has to be a plain
word without special characters; `field`, `fields` and `in_quotes` are for places that allow more.
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

# Does not begin like an option, for any program that reads it.
_WORD = re.compile(r"(?!-)[A-Za-z0-9_.:/@=,+~*-]*")
# One of several in a line, unquoted, as in systemd's EnvironmentFile and apt's sources: without blanks and quotes.
_FIELD = re.compile(r"[^\s\"'\\$`#]*")
# Characters that a backslash escapes in double quotes, in a shell and in systemd's EnvironmentFile (systemd.exec(5)).
_SPECIAL = re.compile(r"[\"\\$`]")
_BEYOND_ASCII = re.compile(r"[^\x20-\x7e]")
_LARGEST_ESCAPED = 0xFFFF


class _Written(str):
    """A value that a filter has already quoted as its place in the file needs it."""

    __slots__ = ()


@cache
def _root() -> Path:
    package = Path(__file__).parent
    # In a wheel the templates are in the package, in a checkout beside it.
    return next(place for place in (package / "templates", package.parent / "templates") if place.is_dir())


def path(name: str) -> Path:
    """The template file of that name, such as `lab/entry.sh`."""
    return _root() / name


def render(name: str, **values: object) -> str:
    """The template with its values.

    A missing value raises jinja2.UndefinedError; a value that the file cannot hold, UsageError.
    """
    # Most hosts get the same files: each is rendered once.
    if all(map(_is_plain, values.values())):
        return _remembered(name, tuple(values.items()))
    return _rendered(name, values)


def _is_plain(value: object) -> bool:
    """Text, and tuples of text: equal ones are rendered alike. True and 1 are equal too, but not rendered alike."""
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
            hint="Find it in the inventory, and remove what does not belong to it: quotes, blanks, line breaks.",
        ) from error


def kind(name: str) -> Callable[[object], str]:
    """How values are written into the file that this template produces."""
    return next((write for end, write in _KINDS.items() if name.endswith(end)), _word)


@cache
def environment(write: Callable[[object], str]) -> Environment:
    """The Jinja environment that writes values with `write`."""
    made = Environment(
        loader=FileSystemLoader(_root()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=write is _page,  # noqa: S701 - for HTML; in other files, `finalize` quotes
        finalize=write,
        # Templates do not change while the program runs: do not check the disk again for each file.
        auto_reload=False,
    )
    made.filters.update(field=_field, fields=_fields, in_quotes=_in_quotes)
    return made


def _shell(value: object) -> str:
    """Quoted, and a plain word: our scripts may split the variable at blanks."""
    return shlex.quote(_word(value))


def _json(value: object) -> str:
    """JSON is valid YAML, and quotes everything that needs it."""
    return _BEYOND_ASCII.sub(_escaped, json.dumps(value, default=str, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF or (code > _LARGEST_ESCAPED and not found[0].isprintable()):
        raise UntrustedError("text", found[0])
    # YAML has no surrogate pairs, which JSON uses for larger characters.
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
