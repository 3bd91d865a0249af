"""Manifests from servers and files: objects, or one sentence about what they are instead."""

from __future__ import annotations

import ast

import pytest

from provisioner.core.objects import parse
from provisioner.errors import PreflightError
from tests.conftest import Tally
from tests.unit.inventory.test_hostile import BOMB, MERGED
from tests.unit.test_architecture import modules

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"
HOSTILE = {
    "bombs": (BOMB, "is not read: by its aliases (`*name`) it expands to more than 300,000 values (line 6)"),
    "merged bombs": (MERGED, "is not read: by its aliases"),
    # libyaml's own composer ends the process here.
    "brackets": ("[" * 100_000, "is not read: it is nested deeper than 100 levels (line 1)"),
    "itself": ("a: &a [*a]", "is not read: recursion"),
    "bombs behind a separator": (f"{POD}---\n{BOMB}", "is not read: by its aliases"),
    "an object of Python": ("!!python/object/apply:os.system [id]", "is not YAML (line 1)"),
    "not Unicode": ("\ud800", "is not YAML"),
    "a control character": ("a: \x07", "is not YAML"),
}


@pytest.mark.parametrize(("text", "says"), HOSTILE.values(), ids=HOSTILE)
def test_manifests_have_bounds(text: str, says: str, tally: Tally) -> None:
    with pytest.raises(PreflightError) as caught:
        parse(text, "it")
    assert says in caught.value.message
    assert caught.value.hint
    tally("hostile inputs tried", 1)


@pytest.mark.parametrize("value", ["2021-01-01", "!!set {a}", "!!binary aGk=", ".inf", "{2021-01-01: x}"])
def test_what_kubectl_would_not_take_is_said_before_it_is_sent(value: str) -> None:
    with pytest.raises(PreflightError, match="has a value that kubectl does not accept"):
        parse(f"{POD}data: {value}\n", "it")


@pytest.mark.parametrize("items", ["5", "x", "{a: 1}", "[5]"])
def test_a_list_of_something_else(items: str) -> None:
    with pytest.raises(PreflightError, match="is not a Kubernetes object"):
        parse(f"apiVersion: v1\nkind: List\nitems: {items}\n", "it")


def test_one_place_reads_yaml() -> None:
    calls = {
        (name, ast.unparse(node.func))
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("yaml.")
    }
    readers = {name for name, call in calls if "load" in call.lower() or "compose" in call}
    assert readers == set()
