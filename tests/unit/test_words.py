"""The words of the project are those of CONTRIBUTING ("Words"): what they have replaced comes back nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = (
    *("provisioner", "tests", "docs", "inventories", "scripts"),
    *("README.md", "CONTRIBUTING.md", "Makefile", "Vagrantfile", "pyproject.toml"),
)
# What lies on machines and must stay as it is there, and this list itself.
EXCEPT = ("tests/golden/rendered", "tests/golden/plans", "tests/scenarios/earlier", "tests/unit/test_words.py")


def _alone(word: str) -> re.Pattern[str]:
    """A word that stands alone or in a name, such as `wished` in `wished_mtu`."""
    return re.compile(rf"(?<![A-Za-z])(?:{word})(?![a-z])", re.IGNORECASE)


# The glossary itself has to name what it replaces.
_GLOSSARY = re.compile(r"^## Words\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
REPLACED = {
    "desired": _alone("wish(?:e[sd]|ing)?"),
    "fix": _alone("mend(?:ed|s|ing)?"),
    "again": _alone("anew"),
    "honour": _alone("heed(?:ed|s|ing)?"),
    "port probe": _alone("knock(?:ed|s|ing)?"),
    "control planes": _alone(r"(?<!control[ _-])(?<!control\n)planes"),
    "pod network": _alone("pods' network"),
    "path MTU": _alone("largest packets?"),
    "catalog": _alone("catalogues?"),
    "directory": _alone("(?<!synced_)folders?"),
    "the host that": _alone("who(?:m)?ever"),
    "every host": _alone("every(?:one|body)"),
}


def _texts() -> Iterator[tuple[str, str]]:
    for place in (ROOT / name for name in PLACES):
        for path in sorted(place.rglob("*")) if place.is_dir() else (place,):
            name = str(path.relative_to(ROOT))
            if path.is_file() and not name.startswith(EXCEPT) and "__pycache__" not in name:
                text = path.read_text(errors="replace")
                yield name, _GLOSSARY.sub("", text) if name == "CONTRIBUTING.md" else text


@pytest.mark.parametrize("word", REPLACED)
def test_a_word_that_was_replaced_is_used_nowhere(word: str) -> None:
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for name, text in _texts()
        for match in REPLACED[word].finditer(text)
    ]
    assert found == [], f"say {word!r} instead (CONTRIBUTING, Words)"


def test_the_glossary_says_them_all() -> None:
    (glossary,) = _GLOSSARY.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert [word for word in REPLACED if word not in glossary] == []
