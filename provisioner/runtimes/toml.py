"""TOML files as values: nested tables from paths of keys, written by a library and never with text patterns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tomli_w

from provisioner.resources.daemons import KeyPath

HEAD = "# Written by provisioner; `provisioner apply` restores it.\n"


def text(tables: dict[str, Any]) -> str:
    """The file."""
    return HEAD + tomli_w.dumps(tables)


def nested(pairs: Iterable[tuple[KeyPath, object]]) -> dict[str, Any]:
    """`{a: {b: 1}}` for `(("a", "b"), 1)`."""
    tables: dict[str, Any] = {}
    for path, value in pairs:
        table = tables
        for key in path[:-1]:
            table = table.setdefault(key, {})
        table[path[-1]] = value
    return tables
