"""Debian's version strings: which is newer, which is of an upstream version, and which are nearest to one.

The same few hundred are compared for every host: the results are cached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest

# deb-version(7): `~` before the end of a part, then letters, then everything else.
_PART = re.compile(r"(\D*)(\d*)")


@lru_cache(maxsize=4096)
def upstream(version: str) -> str:
    """`20.10.24` of `5:20.10.24~3-0~debian-bookworm`, `1.20.2` of `1.20.2-00`."""
    return re.split(r"[-+~]", version.partition(":")[2] or version, maxsplit=1)[0]


def is_of(version: str, desired: str) -> bool:
    """Whether it packages that upstream version: `1.20.2-1.1` and `5:1.20.2~3-0` package 1.20.2."""
    return upstream(version) == desired


@lru_cache(maxsize=4096)
def order(version: str) -> tuple[object, ...]:
    """A key to sort by, oldest first."""
    epoch, _, rest = version.rpartition(":")
    upstream_version, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch or 0), _order(upstream_version), _order(revision)


def _order(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    parts = _PART.findall(text)
    return tuple(((*map(_weight, letters), 0), int(digits or 0)) for letters, digits in parts)


def _weight(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256


def newest(versions: Iterable[str]) -> str:
    """The newest of them; empty when there is none."""
    return max(versions, key=order, default="")


def nearest(versions: Iterable[str], desired: str, most: int = 5) -> tuple[str, ...]:
    """The versions that are nearest to an upstream version, the nearest first."""
    return tuple(sorted(versions, key=lambda version: _distance(upstream(version), desired))[:most])


def _distance(one: str, other: str) -> tuple[int, ...]:
    pairs = zip_longest(_numbers(one), _numbers(other), fillvalue=0)
    return tuple(abs(mine - yours) for mine, yours in pairs)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
