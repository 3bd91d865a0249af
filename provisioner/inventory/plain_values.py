"""JSON, and other plain values that are not read as YAML, within the same limits. Pure."""

from __future__ import annotations

import json
import re

from provisioner.bounded_yaml import LONGEST_NUMBER, MOST_DEPTH, MOST_VALUES

_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST = 10**LONGEST_NUMBER


def from_json(text: str | bytes) -> object:
    """The value of a JSON text; ValueError says why it has none, or exceeds the limits."""
    try:
        value: object = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels") from None
    if too_much := excess(value):
        raise ValueError(too_much)
    return value


def excess(value: object) -> str:
    """Why a value exceeds the limits; empty when it does not."""
    ahead = [(value, 1)]
    count = 0
    while ahead:
        each, depth = ahead.pop()
        count += 1
        if count > MOST_VALUES:
            return f"it has more than {MOST_VALUES:,} values"
        if depth > MOST_DEPTH:
            return f"it is nested deeper than {MOST_DEPTH} levels"
        if isinstance(each, int) and not -_LARGEST < each < _LARGEST:
            return f"it has a number of more than {LONGEST_NUMBER} digits"
        if isinstance(each, str) and _SURROGATE.search(each):
            return "it has half a character (a lone surrogate)"
        ahead += [(below, depth + 1) for below in _below(each)]
    return ""


def _below(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple | set) else []
