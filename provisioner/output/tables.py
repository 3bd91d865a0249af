"""Tables for people: plain ones, and the connections in a cluster's network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.markup import escape
from rich.table import Table

from provisioner.core.report import Reach

# With more nodes, the table shows only those with failures.
_NODES_SHOWN = 10
REACHED, NOT_ASKED = "✓", "·"


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """A plain table."""
    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        drawn.add_row(*(escape(cell) for cell in row))
    return drawn


def by_path(reaches: Iterable[Reach]) -> dict[str, tuple[int, int]]:
    """How many connections work, and of how many, by path."""
    found: dict[str, tuple[int, int]] = {}
    for reach in reaches:
        worked, asked = found.get(reach.path, (0, 0))
        found[reach.path] = (worked + reach.ok, asked + 1)
    return found


def matrix(reaches: Iterable[Reach], nodes_shown: int = _NODES_SHOWN) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: whether the row reaches the column, or by which paths it does not; `·` where not tested.

    For a larger cluster, only rows and columns with failures are included.
    """
    reaches = tuple(reaches)
    wrong = [reach for reach in reaches if not reach.ok]
    sources = list(dict.fromkeys(reach.source for reach in reaches))
    shown = reaches if len(sources) <= nodes_shown else wrong
    rows = list(dict.fromkeys(reach.source for reach in shown))
    columns = [*(name for name in sources if name in {reach.target for reach in shown})]
    columns += dict.fromkeys(reach.target for reach in shown if reach.target not in sources)
    cells = _cells(reaches)
    return (["from \\ to", *columns], [[row, *(cells.get((row, name), NOT_ASKED) for name in columns)] for row in rows])


def _cells(reaches: Iterable[Reach]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], list[str]] = {}
    for reach in reaches:
        found.setdefault((reach.source, reach.target), []).extend([] if reach.ok else [reach.path])
    return {pair: f"✗ {', '.join(paths)}" if paths else REACHED for pair, paths in found.items()}


def largest(reaches: Iterable[Reach]) -> str:
    """`path MTU: 1500 bytes`, when it was measured; where such a packet does not pass is in the matrix."""
    sizes = sorted({int(reach.text) for reach in reaches if reach.ok and reach.text.isdigit()})
    return f"path MTU: {' to '.join(dict.fromkeys((str(sizes[0]), str(sizes[-1]))))} bytes" if sizes else ""


def network(reaches: Iterable[Reach]) -> Iterator[Table | str]:
    """What to print of the connections: the counts by path, then the matrix."""
    reaches = tuple(reaches)
    if not reaches:
        return
    counts = by_path(reaches).items()
    words = [f"{path} {worked} of {asked}" if worked < asked else f"{path} {asked}" for path, (worked, asked) in counts]
    yield "; ".join([*words, *filter(None, [largest(reaches)])])
    columns, rows = matrix(reaches)
    if rows:
        yield table(columns, rows)
