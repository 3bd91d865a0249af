"""The tree's promises: dependencies point one way, the pure folders compute, one place prints, one place exits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "provisioner"
# Each part may import those that stand before it.
ORDER = (
    "errors", "causes", "paths", "bounded_yaml", "mirror", "templating", "catalog", "inventory", "core", "bundle",
    "resources", "addressing", "derived", "sources", "upstream", "manifests", "networks", "runtimes", "plays",
    "playbooks", "preflight", "transports", "fleet", "steps", "looking", "measuring", "asking", "work", "engine",
    "wording", "lease", "session", "log", "plain", "tables", "console", "labs", "verification", "kubeconfig",
    "plan_file", "cli", "__main__",
)  # fmt: skip
PURE = (
    "addressing",
    "bounded_yaml",
    "core",
    "resources",
    "causes",
    "derived",
    "plays",
    "sources",
    "networks",
    "runtimes",
    "catalog",
    "inventory/from_",
    "inventory/literals",
    "inventory/model",
    "inventory/package_sources",
    "inventory/free_networks",
    "inventory/network_rules",
    "inventory/plug_in_rules",
    "inventory/rules",
    "inventory/statements",
    "inventory/tree",
    "inventory/source_rules",
    "inventory/strict",
    "inventory/vagrant",
    "inventory/values",
)
OUTSIDE = frozenset({
    "fabric", "paramiko", "socket", "subprocess", "os", "time", "random", "secrets", "threading", "logging",
})  # fmt: skip
# `report.step` measures how long a block takes, for whoever works around the core.
EXCEPT = {("core/report", "time")}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module as `folder/name` with its tree; what is imported for type checkers alone is left out."""
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        tree.body = [
            line for line in tree.body if not (isinstance(line, ast.If) and "TYPE_CHECKING" in ast.dump(line.test))
        ]
        yield path.relative_to(ROOT).with_suffix("").as_posix(), tree


def imports(tree: ast.Module) -> Iterator[str]:
    for line in ast.walk(tree):
        if isinstance(line, ast.Import):
            yield from (alias.name for alias in line.names)
        elif isinstance(line, ast.ImportFrom) and line.module == "provisioner":
            yield from (f"provisioner.{alias.name}" for alias in line.names)
        elif isinstance(line, ast.ImportFrom):
            yield str(line.module)


MODULES = dict(modules())


@pytest.mark.parametrize("name", [name for name in MODULES if name != "__init__"])
def test_dependencies_point_one_way(name: str) -> None:
    part = name.split("/", maxsplit=1)[0]
    before = ORDER[: ORDER.index(part) + 1]
    used = {words.split(".")[1] for words in imports(MODULES[name]) if words.startswith("provisioner.")}
    assert used - {"__version__"} <= set(before)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(PURE)])
def test_the_pure_folders_compute(name: str) -> None:
    used = {words.split(".")[0] for words in imports(MODULES[name])} & OUTSIDE
    assert {(name, words) for words in used} <= EXCEPT


@pytest.mark.parametrize("name", [name for name in MODULES if name.split("/")[0] not in {"cli", "__main__"}])
def test_only_the_console_prints_and_only_the_command_line_exits(name: str) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(MODULES[name]) if isinstance(node, ast.Call)}
    raised = {ast.unparse(node) for node in ast.walk(MODULES[name]) if isinstance(node, ast.Raise)}
    assert name == "console" or "print" not in called
    assert not called & {"sys.exit", "exit", "quit", "os._exit"}
    assert not [line for line in raised if "SystemExit" in line]


@pytest.mark.parametrize("name", MODULES)
def test_files_stay_short(name: str) -> None:
    assert len((ROOT / f"{name}.py").read_text().splitlines()) <= 250
