"""Every file in cases/inventories/bad names its own problems, in the lines where they are:

`# ! rule: part of the text` an error, `# ? rule: part of the text` a warning. No other problem may be found.
In INI files such a comment can be part of a value: the marks are taken out before the file is read.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.errors import InventoryError, Problem, Severity
from provisioner.inventory.loader import check, load
from tests.unit.inventory.conftest import Write

CASES = sorted((Path(__file__).parents[2] / "cases" / "inventories" / "bad").iterdir())
_MARK = re.compile(r"# ([!?]) ([a-z-]+): ([^#]+|.+)(?= # [!?]|$)")

Expected = tuple[int, str, Severity, str]


def expected(text: str) -> list[Expected]:
    marks = ((number, mark) for number, line in enumerate(text.splitlines(), 1) for mark in _MARK.finditer(line))
    severity = {"!": Severity.ERROR, "?": Severity.WARNING}
    return [(number, mark[2], severity[mark[1]], mark[3]) for number, mark in marks]


def written(case: Path, write: Write) -> Path:
    text = case.read_text()
    return write(re.sub(r" # [!?] .*", "", text) if case.suffix == ".ini" else text, f"inventory{case.suffix}")


def line_of(problem: Problem) -> int:
    return int(problem.where.rpartition(":")[2])


def test_there_are_cases() -> None:
    assert len(CASES) > 25


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_each_problem_is_found_at_its_line(case: Path, write: Write) -> None:
    text = case.read_text()
    cluster, problems = check(written(case, write))
    wanted = expected(text)
    assert wanted, "the case names no problem"
    found = {(line_of(problem), problem.rule, problem.severity): str(problem) for problem in problems}
    assert sorted(found) == sorted(want[:3] for want in wanted)
    for *key, part in wanted:
        assert part in found[key[0], key[1], key[2]]  # type: ignore[index]
    assert (cluster is None) == any(severity is Severity.ERROR for _, _, severity, _ in wanted)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_every_error_says_what_to_do(case: Path, write: Write) -> None:
    _, problems = check(written(case, write))
    for problem in problems:
        assert problem.hint or "expected" in problem.message or "such as" in problem.message, problem
        assert "Input should" not in str(problem)
        assert "Value error" not in str(problem)


def test_load_raises_with_everything_at_once(write: Write) -> None:
    path = write("all:\n  vars:\n    ansible_prot: 1\n    cluster: {nam: x}\n")
    with pytest.raises(InventoryError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    assert caught.value.message == f"{path} has 4 errors"
    rules = [problem.rule for problem in caught.value.problems]
    assert rules == ["no-control-plane", "unknown-variable", "missing-key", "unknown-key"]


def test_warnings_do_not_stop(write: Write) -> None:
    path = write(
        "all:\n  vars:\n    colour: blue\n    cluster: {kubernetes_version: 1.20.2}\n"
        "control_plane:\n  hosts:\n    cp1:\n"
    )
    assert load(path).hosts[0].name == "cp1"
    assert [problem.severity for problem in check(path)[1]] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "has no inventory in it"),
        (lambda path: path.write_bytes(b"all:\xff"), "is not UTF-8 text (byte 4)"),
        (lambda path: path.write_bytes(b"all: \x07"), "this is not valid YAML"),
        (lambda path: path.write_text("all: &a [*a]"), "this is not read: recursion: the value of `*a` contains it"),
        (lambda path: path.write_text("all:\n---\nall:\n"), "this is not valid YAML"),
        (lambda path: path.write_text("all: 2021-99-99"), "this is not valid YAML"),
        (lambda path: path.write_text("[" * 1000), "this is not read: it is nested deeper than 100 levels"),
    ],
)
def test_files_that_are_no_inventories(tmp_path: Path, make: object, says: str) -> None:
    path = tmp_path / "inventory.yaml"
    assert callable(make)
    make(path)
    cluster, problems = check(path)
    assert cluster is None
    assert len(problems) == 1
    assert says in str(problems[0])
    assert str(path) in problems[0].where
