"""Waiting for a condition, with a deadline, and reporting what is awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], left: Callable[[T], str], timeout_s: float, say: Callable[[str], None]) -> T:
    """Look until nothing is left to wait for (`left` gives no words) or the time is over; returns the last look."""
    deadline = time.monotonic() + timeout_s
    said = ""
    while True:
        seen = look()
        words = left(seen)
        if not words or time.monotonic() > deadline:
            return seen
        if words != said:
            say(words)
            said = words
        time.sleep(_PAUSE_S)


_PAUSE_S = 0.5
