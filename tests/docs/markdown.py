"""Reading our own Markdown: fenced blocks, links and headings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it begins, its language (`console`, `yaml`, ...), its text."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """`docs/how-to/existing-servers.md:12`."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def documents() -> tuple[Path, ...]:
    """Every document of the project."""
    return (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))


def blocks(path: Path, language: str = "") -> tuple[Block, ...]:
    """The fenced blocks of a document, in order; only those of a language when one is named."""
    text = path.read_text()
    found = (
        Block(path, text.count("\n", 0, match.start()) + 1, match[2], _dedented(match[3], len(match[1])))
        for match in _FENCE.finditer(text)
    )
    return tuple(block for block in found if language in ("", block.language))


def prose(path: Path) -> str:
    """The document without its fenced blocks."""
    return _FENCE.sub("", path.read_text())


def links(path: Path) -> Iterator[str]:
    """Targets of the links, those to elsewhere on the web left out."""
    return (target for target in _LINK.findall(prose(path)) if "://" not in target)


def anchors(path: Path) -> frozenset[str]:
    """What can be linked to inside a document: its headings in the form that GitHub gives them."""
    return frozenset(_slug(heading) for heading in _HEADING.findall(prose(path)))


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _dedented(text: str, width: int) -> str:
    return "".join(line[width:] if line[:width].isspace() else line for line in text.splitlines(keepends=True))
