"""What a machine says of a command is never left unread: a promise that fails would fail in silence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.unit.test_architecture import imports, modules

# `ssh -O exit` ends a connection that is shared; where it fails, there is none any more, or a minute ends it.
EXCEPT = {("verification/connection", "subprocess.run")}
ASKS = ("provisioner.transports", "provisioner.engine.fleet")


def ignored(tree: ast.Module, *, asks_machines: bool) -> Iterator[str]:
    """The calls whose results are dropped. `asks_machines`: whether `x.run` and `x.each` there speak to machines."""
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.Module):
            yield from _dropped(scope, asks_machines=asks_machines)


def _dropped(scope: ast.FunctionDef | ast.Module, *, asks_machines: bool) -> Iterator[str]:
    kept = dict(_bound(scope))
    of_bad = {node.value for node in _own(scope) if isinstance(node, ast.Attribute) and node.attr == "bad"}
    read = {node.id for node in of_bad if isinstance(node, ast.Name)}
    for node in _own(scope):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if not _tells(node, asks_machines=asks_machines):
            continue
        names = kept.get(node, ())
        is_dropped = names is None or any(name.startswith("_") for name in names or ())
        if node.func.attr == "each" and not is_dropped:
            is_dropped = node not in of_bad and not set(names or ()) & read
        if is_dropped:
            yield ast.unparse(node.func)


def _tells(call: ast.Call, *, asks_machines: bool) -> bool:
    """Whether that call's result is the only word of a failure."""
    assert isinstance(call.func, ast.Attribute)
    if ast.unparse(call.func) == "subprocess.run":
        return not any(word.arg == "check" and ast.unparse(word.value) == "True" for word in call.keywords)
    return asks_machines and call.func.attr in {"run", "each"}


def _bound(scope: ast.AST) -> Iterator[tuple[ast.expr, tuple[str, ...] | None]]:
    """What each statement's value is bound to: names, or None when it is dropped."""
    for node in _own(scope):
        if isinstance(node, ast.Expr):
            yield node.value, None
        elif isinstance(node, ast.Assign):
            named = (part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))
            yield node.value, tuple(named)


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function but those of functions inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef):
            yield from _own(child)


def test_no_result_of_a_command_is_ignored() -> None:
    found = set()
    for name, tree in modules().items():
        asks = any(used.startswith(ASKS) for used in imports(tree))
        found |= {(name, call) for call in ignored(tree, asks_machines=asks)}
    assert found == EXCEPT


IGNORING = (
    "transport.run([command])",
    "_ = transport.run([command])",
    "_, seen = transport.run([command, other])",
    "(_result,) = self._transports[host].run([command])",
    "fleet.each(hosts, work)",
    "answers = fleet.each(hosts, work)\nuse(answers.good)",
    "use(fleet.each(hosts, work).good)",
    "subprocess.run(argv)",
    "subprocess.run(argv, check=False)",
    "def inner():\n    transport.run([command])",
)
READING = (
    "(result,) = transport.run([command])",
    "return transport.run([command])[0].ok",
    "required(host, transport, 'do it', command)",
    "answers = fleet.each(hosts, work)\nstop_for(answers.bad)",
    "return fleet.each(hosts, work).bad",
    "subprocess.run(argv, check=True)",
    "done = subprocess.run(argv, check=False)",
)


@pytest.mark.parametrize("text", IGNORING)
def test_an_ignored_result_is_found(text: str) -> None:
    assert list(ignored(ast.parse(text), asks_machines=True))


@pytest.mark.parametrize("text", READING)
def test_a_result_that_is_read_is_none_of_them(text: str) -> None:
    assert not list(ignored(ast.parse(text), asks_machines=True))
