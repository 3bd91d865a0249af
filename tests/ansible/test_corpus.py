"""Inventories written by hand: groups, children, members and every host's variables are what Ansible makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ansible.reading import TALLY, Ansible, Case, cases, ours, without_empty

HERE = Path(__file__).parent / "corpus"
CORPUS = {path.stem: tuple(cases(path)) for path in sorted(HERE.glob("*.txt"))}
READ = [case for stem, every in CORPUS.items() if stem != "refused" for case in every]
EXAMPLES = sorted((Path(__file__).parents[2] / "inventories").iterdir())

Property = Callable[[str, object], None]


@pytest.mark.parametrize("case", READ, ids=str)
def test_corpus(case: Case, ansible: Ansible, tmp_path: Path, record_property: Property) -> None:
    path = case.write(tmp_path)
    assert ours(path) == ansible.read(path)
    record_property("tally", (TALLY, 1))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path, ansible: Ansible, record_property: Property) -> None:
    assert ours(path) == ansible.read(path)
    record_property("tally", (TALLY, 1))


@pytest.mark.parametrize("kind", [stem for stem in CORPUS if stem != "refused"])
def test_the_real_command(kind: str, ansible: Ansible, tmp_path: Path, record_property: Property) -> None:
    """All of a kind at once, each in a directory of its own, would hide one another: the last is the largest."""
    path = CORPUS[kind][-1].write(tmp_path)
    assert without_empty(ours(path)) == ansible.run(path)
    record_property("tally", (TALLY, 1))
