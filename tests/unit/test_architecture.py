"""The tree's promises: dependencies point one way, the pure directories compute, one place prints, one place exits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "provisioner"
# Each room may import those that stand before it. What a bundle is stands below all who install from one, and those who
# build it above what they ask.
ORDER = (
    "errors", "failures", "paths", "bounded_yaml", "catalog", "inventory", "core", "templating", "bundle/common",
    "bundle/debian", "world", "resources", "sources", "bundle/upstream", "manifests", "networks", "runtimes", "plays",
    "preflight", "procedures", "output", "transports", "labs", "verification", "kubeconfig", "engine", "cli",
    "__main__",
)  # fmt: skip
PURE = (
    "bounded_yaml",
    "core",
    "world",
    "resources",
    "failures",
    "manifests/patching",
    "plays",
    "procedures",
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
    "inventory/ssh",
    "inventory/strict",
    "inventory/vagrant",
    "inventory/values",
)
OUTSIDE = frozenset({
    "fabric", "paramiko", "socket", "subprocess", "os", "time", "random", "secrets", "threading", "logging",
})  # fmt: skip
# `report.step` measures how long a block takes, for those who work around the core.
EXCEPT = {("core/report", "time")}

# Files of the machine that this runs on are written by `paths` alone, whole or not at all. Elsewhere are only streams,
# which grow, and what lies in a directory that nobody else knows or that gets its name when it is whole.
STREAMS = {
    "output/log": "a log grows",
    "output/streams": "/dev/null",
    "labs/daemon": "a log grows",
    "engine/marks": "a mark that is locked, and empty",
    "verification/stream": "a pipe",
    "verification/session": "a temporary directory",
    "labs/ubuntu": "a temporary directory",
    "bundle/": "a bundle's work directory, named when it is whole; downloads are *.part until they are",
}
_WRITERS = frozenset({
    "write_text", "write_bytes", "copyfile", "copy", "copy2", "copytree", "move", "mkstemp", "NamedTemporaryFile",
    "touch",
})  # fmt: skip


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module as `directory/name` with its tree; what is imported for type checkers alone is left out."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        tree.body = [
            line for line in tree.body if not (isinstance(line, ast.If) and "TYPE_CHECKING" in ast.dump(line.test))
        ]
        found[path.relative_to(ROOT).with_suffix("").as_posix()] = tree
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    for line in ast.walk(tree):
        if isinstance(line, ast.Import):
            yield from (alias.name for alias in line.names)
        elif isinstance(line, ast.ImportFrom) and line.module == "provisioner":
            yield from (f"provisioner.{alias.name}" for alias in line.names)
        elif isinstance(line, ast.ImportFrom):
            yield str(line.module)


def room(name: str) -> str:
    """The room of a module (`bundle/common/reading`): its directory, or itself where it lies loose."""
    words = name.split("/")
    return "/".join(words[: 2 if words[0] == "bundle" else 1])


# One test for each promise and not for each module: those who break it are named.
def test_dependencies_point_one_way() -> None:
    found = set()
    for name, tree in modules().items():
        if name not in ("__init__", "bundle/__init__"):
            before = {*ORDER[: ORDER.index(room(name)) + 1], "__version__"}
            ours = (words.split(".", 1)[1] for words in imports(tree) if words.startswith("provisioner."))
            used = {room(words.replace(".", "/")) for words in ours}
            found |= {f"{name} imports {part}" for part in used - before}
    assert found == set()


def test_the_pure_rooms_compute() -> None:
    pure = {name: tree for name, tree in modules().items() if name.startswith(PURE)}
    assert all(any(name.startswith(start) for name in pure) for start in PURE)
    used = {(name, words.split(".")[0]) for name, tree in pure.items() for words in imports(tree)}
    assert {(name, words) for name, words in used if words in OUTSIDE} == EXCEPT


def test_only_the_console_prints_and_only_the_command_line_exits() -> None:
    found = set()
    for name, tree in modules().items():
        if name.split("/")[0] not in {"cli", "__main__"}:
            called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            raised = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
            exits = called & {"sys.exit", "exit", "quit", "os._exit"} | {
                line for line in raised if "SystemExit" in line
            }
            prints = called & {"print"} if name != "output/console" else set()
            found |= {f"{name}: {call}" for call in exits | prints}
    assert found == set()


def writes(call: ast.Call) -> bool:
    """Whether a call opens a file for writing, or makes one; `.open("rb")` and the `open()` of a connection do not."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    told = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes = [one.value for one in told if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if any(keyword.arg == "fileobj" for keyword in call.keywords):
        return False
    if name in {"open", "fdopen"}:
        return "O_CREAT" in ast.unparse(call) or any(re.fullmatch("[wax][bt+]*|r[bt]*[+]", mode) for mode in modes)
    return name in _WRITERS


def test_files_are_written_whole_by_one_function() -> None:
    found = set()
    for name, tree in modules().items():
        if name != "paths" and not name.startswith(tuple(STREAMS)):
            calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
            found |= {f"{name}: {ast.unparse(call)}" for call in calls if writes(call)}
    assert found == set()


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_is_one(name: str) -> None:
    """What does not write any more is taken off the list."""
    trees = [tree for module, tree in modules().items() if module.startswith(name)]
    assert any(writes(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('path.open("w")', True), ('path.open(mode="ab")', True), ('open(path, "r+")', True), ('open(path, "x")', True),
        ("os.open(path, os.O_WRONLY | os.O_CREAT)", True), ("path.write_text(text)", True), ('path.open("rb")', False),
        ("path.open()", False), ("transport.open()", False), ('tarfile.open(archive, "w", format=1)', True),
        ('tarfile.open(fileobj=memory, mode="w")', False),
    ],
)  # fmt: skip
def test_what_counts_as_writing(text: str, found: bool) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert writes(call) == found


def test_files_stay_short() -> None:
    lengths = {name: len((ROOT / f"{name}.py").read_text().splitlines()) for name in modules()}
    assert {name: length for name, length in lengths.items() if length > 250} == {}
