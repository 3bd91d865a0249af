"""What is wrong with an inventory, before line numbers are known: the path of the value, a message and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from provisioner.errors import Severity

# The file, then keys and indices from its top down to a value (or, in `rules`, from the top of the `Cluster`).
KeyPath = tuple[str | int, ...]

# The time to compare two words is the product of their lengths.
_LONGEST_WORD = 200
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong at `path`.

    `needs` are the values that it follows from: when one of them is itself wrong, this finding is not shown.
    `line` is set only when the path does not determine it (the second of two equal keys).
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
    """The hint for a misspelt word, or the list of known words."""
    names = sorted(known)
    match = nearest(word, names, 0.6)
    return f"did you mean `{match}`?" if match else f"known here: {', '.join(names)}"
