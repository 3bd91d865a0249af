"""Names of hosts in a sentence, whether there are three or five hundred."""

from __future__ import annotations

from collections.abc import Iterable

# As many as fit into a line of a terminal together with the message.
MOST = 6


def some(names: Iterable[str]) -> str:
    """`w1, w2`; for many names the first few, and how many more there are."""
    every = tuple(names)
    more = f" and {len(every) - MOST} more" if len(every) > MOST else ""
    return ", ".join(every[:MOST]) + more
