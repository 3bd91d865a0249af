"""Host patterns: examples, and what must hold for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from provisioner.inventory.ranges import MOST_HOSTS, expand, split_port

PLAIN = some.text("abcxyz019-.", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web1", ["web1"]),
        ("worker[1:3]", ["worker1", "worker2", "worker3"]),
        ("worker[1:1]", ["worker1"]),
        ("w[01:10:3].example", ["w01.example", "w04.example", "w07.example", "w10.example"]),
        ("w[08:11]", ["w08", "w09", "w10", "w11"]),
        ("w[:2]", ["w0", "w1", "w2"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("db-[a:e:2]", ["db-a", "db-c", "db-e"]),
        ("r[1:2]n[1:2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("[8:10]", ["8", "9", "10"]),
    ],
)
def test_patterns(pattern: str, names: list[str]) -> None:
    assert list(expand(pattern)) == names


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("w[3:1]", "runs backwards: write [1:3]"),
        ("w[c:a]", "runs backwards: write [a:c]"),
        ("w[1]", "written [first:last]"),
        ("w[]", "written [first:last]"),
        ("w[1:]", "written [first:last]"),
        ("w[1:2:3:4]", "written [first:last]"),
        ("w[1:2", "a bracket"),
        ("w1:2]", "a bracket"),
        ("w[[1:2]]", "a bracket"),
        ("w[1:b]", "from number to number"),
        ("w[aa:bb]", "from number to number"),
        ("w[1:٣]", "from number to number"),
        ("w[1:9:x]", "the step"),
        ("w[1:9:0]", "the step"),
        ("w[01:100]", "write [001:100]"),
        ("w[1:999999999999]", f"more than {MOST_HOSTS}"),
        ("w[1:1000]n[1:1000]", f"more than {MOST_HOSTS}"),
    ],
)
def test_bad_patterns(pattern: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        expand(pattern)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "name", "port"),
    [
        ("web1", "web1", None),
        ("web1:2222", "web1", 2222),
        ("w[1:3]", "w[1:3]", None),
        ("w[1:3]:2222", "w[1:3]", 2222),
        ("w[1:3].x:22", "w[1:3].x", 22),
        ("web1:ssh", "web1:ssh", None),
    ],
)
def test_ports(pattern: str, name: str, port: int | None) -> None:
    assert split_port(pattern) == (name, port)


@given(PLAIN)
def test_names_without_ranges_stand_for_themselves(name: str) -> None:
    assert expand(name) == (name,)


@given(PLAIN, some.integers(0, 3000), some.integers(0, 1500), some.integers(1, 50))
def test_numbers(prefix: str, first: int, more: int, step: int) -> None:
    names = expand(f"{prefix}[{first}:{first + more}:{step}]")
    assert names == tuple(f"{prefix}{number}" for number in range(first, first + more + 1, step))


@given(some.integers(0, 900), some.integers(0, 99), some.integers(4, 6))
def test_leading_zeros_fix_the_width(first: int, more: int, width: int) -> None:
    names = expand(f"n[{first:0{width}}:{first + more:0{width}}]")
    assert {len(name) for name in names} == {width + 1}
    assert [int(name[1:]) for name in names] == list(range(first, first + more + 1))


@given(some.lists(some.tuples(PLAIN, some.integers(0, 20), some.integers(0, 4)), min_size=1, max_size=3))
def test_ranges_multiply(parts: list[tuple[str, int, int]]) -> None:
    pattern = "".join(f"{text}x[{first}:{first + more}]" for text, first, more in parts)
    size = 1
    for _, _, more in parts:
        size *= more + 1
    assert len(expand(pattern)) == size
