"""Transcripts of a shell in our documents, and whether what a command says today is what the document shows.

In a `console` block, `$ ` begins a command and `> ` continues it; the lines up to the next command are its output.
A command without output is only expected to succeed. In the output

* `...` stands for anything within a line, a line of `...` alone for any number of lines, none included;
* times (`2.5 s`, `3 min 58 s`) and the lab's addresses (`10.213.x.y`) match others of their kind;
* lines of finished steps (`  ✓ `) that follow each other are in order for each machine: machines work in parallel;
* what a step waits for (`  … `) depends on the moment, and is left out of the comparison and the documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from tests.docs.markdown import Block

_PROMPT, _CONTINUED = "$ ", "> "
_WAITING, _DONE = "  … ", "  ✓ "
_TOLERANT = (
    (re.compile(r"\b\d+ min \d+ s\b|\b\d+\.\d s\b"), "TIME"),
    (re.compile(r"\b10\.213\.\d+\.\d+\b"), "ADDRESS"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A command and what the document shows of its output; `where` is `file:line` of its block."""

    where: str
    command: str
    output: tuple[str, ...]


def examples(block: Block) -> tuple[Example, ...]:
    """The commands of a block in order."""
    return tuple(_split(block))


def matches(shown: Iterable[str], said: str) -> bool:
    """Whether the output is as the document shows it; a document that shows none agrees with all."""
    pattern = _pattern(tuple(shown))
    return not pattern or re.fullmatch(pattern, "".join(f"{line}\n" for line in _plain(said.splitlines()))) is not None


def _split(block: Block) -> Iterator[Example]:
    command: list[str] = []
    output: list[str] = []
    for line in block.text.splitlines():
        if line.startswith(_PROMPT):
            if command:
                yield Example(str(block), "\n".join(command), tuple(output))
            command, output = [line.removeprefix(_PROMPT)], []
        elif line.startswith(_CONTINUED) and not output:
            command.append(line.removeprefix(_CONTINUED))
        else:
            output.append(line)
    yield Example(str(block), "\n".join(command), tuple(output))


def _pattern(shown: tuple[str, ...]) -> str:
    return "".join(r"(?:.*\n)*?" if line == "..." else f"{_line(line)}\n" for line in _plain(shown))


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("..."))


def _plain(lines: Iterable[str]) -> list[str]:
    tolerant = [_tolerant(line) for line in lines if not line.startswith(_WAITING)]
    runs = groupby(tolerant, key=lambda line: line.startswith(_DONE))
    return [line for done, run in runs for line in (sorted(run, key=_machine) if done else run)]


def _machine(line: str) -> str:
    return line.split()[1]


def _tolerant(line: str) -> str:
    for pattern, name in _TOLERANT:
        line = pattern.sub(name, line)
    return re.sub(r" +", " ", line).rstrip() if not line.startswith("  ") else line.rstrip()
