"""The lock files hold everything that is installed to its hash, and agree with pyproject.toml and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock")
LINE = re.compile(r"([A-Za-z0-9._-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def locked(name: str) -> dict[str, Version]:
    """The versions by name."""
    return {found[1]: Version(found[2]) for found in LINE.finditer((ROOT / name).read_text())}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_a_hash_for_everything(name: str) -> None:
    text = (ROOT / name).read_text()
    rest = re.sub(r"^ *#.*\n", "", LINE.sub("", text), flags=re.MULTILINE)
    assert rest == ""
    assert len(locked(name)) > 30


def test_what_is_locked_is_what_is_asked_for() -> None:
    users, developers = map(locked, LOCKS)
    for asked, there in (
        (PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"], users),
        (PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"], developers),
    ):
        for one in map(Requirement, asked):
            assert there[one.name.lower()] in one.specifier


def test_users_get_what_developers_have_tested() -> None:
    users, developers = map(locked, LOCKS)
    both = users.keys() & developers.keys()
    assert len(both) > 30
    assert {name: users[name] for name in both} == {name: developers[name] for name in both}
