"""The manifests of `../shared/cni`, found by the catalog's rows, and what a patch has changed in one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from provisioner.catalog.networks import NetworkRelease
from provisioner.core.objects import Objects, name_of, parse
from tests.conftest import TESTS

SHARED = TESTS.parents[1] / "shared" / "cni"


def file_of(row: NetworkRelease) -> Path:
    """Where a row's manifest lies; a checkout without the files beside it cannot test with them."""
    path = SHARED / row.plug_in / f"v{row.version}" / row.url.rpartition("/")[2]
    if not SHARED.is_dir():
        pytest.skip("the upstream manifests are not beside this checkout (../shared/cni)")
    return path


@cache
def objects_of(row: NetworkRelease) -> Objects:
    """The manifest as its authors publish it; read once, as nobody changes such values."""
    return parse(file_of(row).read_text(), row.file)


def changes(before: Objects, after: Objects) -> str:
    """What differs, as lines of `- place = value` and `+ place = value`."""
    old, new = dict(_every(before)), dict(_every(after))
    lines = []
    for place in dict.fromkeys((*old, *new)):
        if old.get(place) != new.get(place):
            lines += [f"- {place} = {old[place]}"] if place in old else []
            lines += [f"+ {place} = {new[place]}"] if place in new else []
    return "".join(f"{line}\n" for line in lines)


def _every(objects: Objects) -> Iterator[tuple[str, str]]:
    for item in objects.items:
        if item["kind"] != "CustomResourceDefinition":
            yield from _leaves(item, name_of(item))


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every value with the way to it; entries of lists by their names, JSON in a text as what it says."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, f"{place}.{key}")
    elif isinstance(value, list):
        for number, below in enumerate(value):
            name = below.get("name", number) if isinstance(below, dict) else number
            yield from _leaves(below, f"{place}[{name}]")
    elif isinstance(value, str) and value.lstrip().startswith("{") and "__" not in value:
        yield from _leaves(json.loads(value), place)
    else:
        yield place, json.dumps(value)
