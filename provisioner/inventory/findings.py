"""What is wrong with an inventory, before it has a line number: the value's path, and words for people."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from provisioner.errors import Severity

# The file, then keys and indices from its top down to a value (or, in `rules`, from the top of the `Cluster`).
KeyPath = tuple[str | int, ...]

# Comparing takes the product of both lengths, for each pair of words.
_LONGEST_WORD = 200
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong at `path`.

    `needs` are the values it was concluded from: where one of them is wrong itself, the conclusion is not
    worth showing. `line` is set only where the path alone does not tell it (the second of two equal keys).
    """

    rule: str
    path: KeyPath
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    needs: tuple[KeyPath, ...] = ()
    line: int = 0


def dotted(path: KeyPath) -> str:
    """`all.vars.cluster.extra_sans[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{_short(key) or repr('')}" for key in path)
    return text.removeprefix(".")


def _short(key: str) -> str:
    return key if len(key) <= _LONGEST_WORD else f"{key[:_LONGEST_WORD]}…"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.75) -> str:
    """The known word that `word` was probably meant to be; empty when none is close."""
    if len(word) > _LONGEST_WORD:
        return ""
    matches = difflib.get_close_matches(word.lower(), list(islice(known, _MOST_WORDS)), n=1, cutoff=cutoff)
    return matches[0] if matches else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint for a misspelt word, or the list of what is known."""
    names = sorted(known)
    match = nearest(word, names, 0.6)
    return f"did you mean `{match}`?" if match else f"known here: {', '.join(names)}"
