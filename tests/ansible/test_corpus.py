"""Inventories written by hand: groups, children, members and every host's variables are what Ansible makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ansible.reading import TALLY, Ansible, Case, cases, ours, without_empty

HERE = Path(__file__).parent
CORPUS = {path.stem: tuple(cases(path)) for path in sorted((HERE / "corpus").glob("*.txt"))}
READ = [case for every in CORPUS.values() for case in every]
BY_BOTH, BY_US = (tuple(cases(HERE / "refused" / f"{name}.txt")) for name in ("by_both", "by_us"))
# In `files` there is what inventories name.
EXAMPLES = sorted(path for path in (Path(__file__).parents[2] / "inventories").iterdir() if path.name != "files")

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


@pytest.mark.parametrize("kind", CORPUS)
def test_the_real_command(kind: str, ansible: Ansible, tmp_path: Path, record_property: Property) -> None:
    """One of each kind: a program is begun for every one of them."""
    path = CORPUS[kind][-1].write(tmp_path)
    assert without_empty(ours(path)) == ansible.run(path)
    record_property("tally", (TALLY, 1))


@pytest.mark.parametrize("case", BY_BOTH, ids=str)
def test_both_refuse(case: Case, ansible: Ansible, tmp_path: Path, record_property: Property) -> None:
    path = case.write(tmp_path)
    assert "error" in ansible.read(path)
    assert "error" in ours(path)
    record_property("tally", (TALLY, 1))


@pytest.mark.parametrize("case", BY_US, ids=str)
def test_we_refuse_more(case: Case, ansible: Ansible, tmp_path: Path, record_property: Property) -> None:
    """On purpose: what Ansible takes, and means something that nobody would guess."""
    path = case.write(tmp_path)
    assert "error" not in ansible.read(path)
    assert "error" in ours(path)
    record_property("tally", (TALLY, 1))
