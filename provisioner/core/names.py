"""Names of machines in a sentence, be they three or five hundred."""

from __future__ import annotations

from collections.abc import Iterable

# As many as a line of a terminal holds beside what is said of them.
MOST = 6


def some(names: Iterable[str]) -> str:
    """`w1, w2`; of many the first few, and how many more there are."""
    every = tuple(names)
    more = f" and {len(every) - MOST} more" if len(every) > MOST else ""
    return ", ".join(every[:MOST]) + more
