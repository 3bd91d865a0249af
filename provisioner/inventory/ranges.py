"""Host patterns of Ansible inventories: `worker[1:3]`, `w[01:10:2]`, `db-[a:c]`, `r[1:2]n[1:4]`, `web1:2222`.

Both ends belong to the range; leading zeros of the start fix the width
(https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#adding-ranges-of-hosts).
"""

from __future__ import annotations

import re
from itertools import product
from string import ascii_letters

# More hosts than this in one pattern are a typing error: Kubernetes supports at most 5000 nodes.
MOST_HOSTS = 5000

_RANGE = re.compile(r"\[([^\[\]]*)\]")


def expand(pattern: str) -> tuple[str, ...]:
    """All names that a pattern stands for, the last range changing fastest; ValueError says what is wrong."""
    texts = _RANGE.split(pattern)
    if any(bracket in text for text in texts[::2] for bracket in "[]"):
        raise ValueError("a bracket of the range is missing")
    choices = [_choices(text) if odd % 2 else (text,) for odd, text in enumerate(texts)]
    names = tuple("".join(parts) for parts in product(*choices)) if _size(choices) <= MOST_HOSTS else ()
    if not names:
        raise ValueError(f"the range gives more than {MOST_HOSTS} hosts")
    return names


def split_port(pattern: str) -> tuple[str, int | None]:
    """`web1:2222` is `web1` and port 2222, as in Ansible; colons inside a range are not a port."""
    match = re.fullmatch(r"([^:]*(?:\[[^\]]*\][^:\[]*)*):(\d{1,5})", pattern)
    return (match[1], int(match[2])) if match else (pattern, None)


def _size(choices: list[tuple[str, ...]]) -> int:
    size = 1
    for choice in choices:
        size = min(size * len(choice), MOST_HOSTS + 1)
    return size


def _choices(text: str) -> tuple[str, ...]:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not parts[1]:
        raise ValueError("a range is written [first:last] or [first:last:step]")
    first, last = parts[0] or "0", parts[1]
    step = _step(parts[2]) if len(parts) == 3 else 1
    if first.isdecimal() and last.isdecimal() and (first + last).isascii():
        return _numbers(first, last, step)
    if len(first) == len(last) == 1 and first in ascii_letters and last in ascii_letters:
        return _letters(first, last, step)
    raise ValueError("a range goes from number to number or from letter to letter")


def _step(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ValueError("the step of a range must be a number, 1 or more")
    return int(text)


def _numbers(first: str, last: str, step: int) -> tuple[str, ...]:
    width = len(first) if first.startswith("0") else 0
    if width > 1 and len(last) != width:
        width = max(width, len(last))
        equal = f"[{first.zfill(width)}:{last.zfill(width)}]"
        raise ValueError(f"with leading zeros both ends must be equally long: write {equal}")
    if int(first) > int(last):
        raise ValueError(f"the range runs backwards: write [{last}:{first}]")
    if int(last) - int(first) >= MOST_HOSTS * step:
        raise ValueError(f"the range gives more than {MOST_HOSTS} hosts")
    return tuple(str(number).zfill(width) for number in range(int(first), int(last) + 1, step))


def _letters(first: str, last: str, step: int) -> tuple[str, ...]:
    begin, end = ascii_letters.index(first), ascii_letters.index(last)
    if begin > end:
        raise ValueError(f"the range runs backwards: write [{last}:{first}]")
    return tuple(ascii_letters[begin : end + 1 : step])
