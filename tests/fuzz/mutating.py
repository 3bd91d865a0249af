"""Answers that were true, and then something happened to them: by accident, or because somebody wants something."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

SEED = int(os.environ.get("PROVISIONER_TEST_SEED") or 20_260_301)
# No answer of ours is longer; what is doubled again and again ends here.
MOST = 60_000

NUMBERS = (
    *("-1", "0", "00", "1e999", "-0", "nan", "inf", "9" * 30, "9" * 5000, "0x10", "1_000", "1.5", "1e3", "", " ", "+1"),
    *("\u0661\u0662", "\u00b2", "65536", "4294967296", "-9223372036854775809", "256.256.256.256", "0.0.0.0/0", "::1"),
)
WORDS = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "=",
        "===",
        "\n=== state\n",
        "\n=== nodes\n",
        "\n=== ca\n",
        "\n=== listening\n",
        "null",
        "None",
    ),
    *(
        "{}",
        "[]",
        "[[]]",
        '"',
        "'",
        "\\",
        "..",
        "../../etc/shadow",
        "-",
        "--",
        "-rf",
        "/",
        "$(id)",
        "`id`",
        "; id #",
        "| sh",
    ),
    *(
        "{{ x }}",
        "%s",
        "{0}",
        "*",
        "&a [*a]",
        "!!python/object:os.system",
        "\x00",
        "\x1b[2J",
        "\x9b",
        "\u202e",
        "\u2028",
    ),
    *(
        "\x85",
        "\x0b",
        "\x1c",
        "\ufeff",
        "\ufffd",
        "\ud800",
        "\udcff",
        "\U0010ffff",
        "a" * 9000,
        "absent",
        "run=",
        "age=x",
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, float("nan"), 10**30, "", "x", "\ud800", [], {}, [[]], [None], {"": None}),
    *("9" * 400, [0] * 50, {"a": {"b": {"c": []}}}),
)
_NUMBER = re.compile(r"\d+")


def dice(*about: object) -> Random:
    """Chance of its own for each subject, the same every time."""
    return Random(f"{SEED} {about}")  # noqa: S311 - inputs, not secrets


def mutations(text: str, count: int, chance: Random) -> Iterator[str]:
    """So many inputs made of one."""
    for _ in range(count):
        yield mutated(text, chance)


def mutated(text: str, chance: Random) -> str:
    """The text after some accidents, mostly one."""
    for _ in range(chance.choice((1, 1, 1, 2, 4, 9))):
        text = chance.choice(ACCIDENTS)(text, chance)[:MOST]
    return text


def _place(text: str, chance: Random) -> tuple[int, int]:
    start = chance.randint(0, len(text))
    return start, min(len(text), start + int(chance.expovariate(0.05)))


def _flipped(text: str, chance: Random) -> str:
    start = chance.randint(0, len(text))
    return text[:start] + chr(chance.choice((chance.randrange(128), chance.randrange(0x3000)))) + text[start + 1 :]


def _inserted(text: str, chance: Random) -> str:
    start = chance.randint(0, len(text))
    return text[:start] + chance.choice(WORDS) + text[start:]


def _cut(text: str, chance: Random) -> str:
    start = chance.randint(0, len(text))
    return chance.choice((text[:start], text[start:], ""))


def _dropped(text: str, chance: Random) -> str:
    start, end = _place(text, chance)
    return text[:start] + text[end:]


def _repeated(text: str, chance: Random) -> str:
    start, end = _place(text, chance)
    return text[:end] + text[start:end] * chance.choice((1, 2, 300)) + text[end:]


def _renumbered(text: str, chance: Random) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text + chance.choice(NUMBERS)
    one = chance.choice(found)
    return text[: one.start()] + chance.choice(NUMBERS) + text[one.end() :]


def _lines(text: str, chance: Random) -> str:
    lines = text.split("\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            lines.insert(one, lines[other])
        case 2:
            del lines[one]
        case 3:
            lines[one] = chance.choice(WORDS)
        case _:
            lines[one : one + 1] = [lines[one]] * chance.choice((2, 100))
    return "\n".join(lines)


def _sections(text: str, chance: Random) -> str:
    """Sections in another order, twice, or without their names."""
    parts = re.split(r"(?m)^(?==== )", text)
    one, other = chance.randrange(len(parts)), chance.randrange(len(parts))
    match chance.randrange(4):
        case 0:
            parts[one], parts[other] = parts[other], parts[one]
        case 1:
            parts.append(parts[one])
        case 2:
            del parts[one]
        case _:
            parts[one] = parts[one].partition("\n")[0] + "\n" + parts[other].partition("\n")[2]
    return "".join(parts)


def _valued(text: str, chance: Random) -> str:
    """A value of another kind behind a name: `cpus=2` becomes `cpus=[]`."""
    found = list(re.finditer(r"[=:] ?([^\n]*)", text))
    if not found:
        return text
    one = chance.choice(found)
    return text[: one.start(1)] + str(chance.choice((*WORDS, *NUMBERS))) + text[one.end(1) :]


def _in_json(text: str, chance: Random) -> str:
    """A value of another type somewhere in a line of JSON, or in all of it."""
    lines = text.split("\n")
    of_json = [number for number, line in enumerate(lines) if line[:1] in ("{", "[")]
    if not of_json:
        return text
    number = chance.choice(of_json)
    whole = chance.random() < 0.3
    try:
        value = json.loads("\n".join(lines[number:]) if whole else lines[number])
    except (ValueError, RecursionError):
        return text
    told = json.dumps(_with_another(value, chance), ensure_ascii=chance.random() < 0.5)
    return "\n".join([*lines[:number], told] if whole else [*lines[:number], told, *lines[number + 1 :]])


def _with_another(value: Any, chance: Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(list(value))
        if chance.random() < 0.15:
            return {one: told for one, told in value.items() if one != name}
        return {**value, name: _with_another(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        number = chance.randrange(len(value))
        if chance.random() < 0.15:
            return value * 2
        return [*value[:number], _with_another(value[number], chance), *value[number + 1 :]]
    return chance.choice(VALUES)


def _deep(text: str, chance: Random) -> str:
    """Deeper than any reader that calls itself can go."""
    opening = chance.choice(("[", '{"a":', "(", "{a: ", "- "))
    start = chance.randint(0, len(text))
    return text[:start] + opening * chance.choice((20, 2000)) + text[start:]


ACCIDENTS: Sequence[Callable[[str, Random], str]] = (
    *(_flipped, _flipped, _inserted, _inserted, _cut, _dropped, _repeated, _renumbered, _renumbered, _lines, _lines),
    *(_sections, _valued, _valued, _in_json, _in_json, _in_json, _deep),
)
