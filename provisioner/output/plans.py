"""A plan as people read it: the steps by play, the same step on several hosts in one line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import RenderableType
from rich.markup import escape
from rich.syntax import Syntax

from provisioner.core.names import MOST, some
from provisioner.core.plan import Plan, PlayPlan, together
from provisioner.core.untrusted import visible
from provisioner.output.wording import one_line


def lines(plan: Plan, *, verbose: bool) -> Iterator[RenderableType]:
    """Everything to print, with diffs when `verbose`. Batches are named in order; their plays are shown together."""
    for is_rolling, plays in groupby(plan.plays, key=lambda play: bool(play.batch)):
        group = tuple(plays)
        batches = tuple(dict.fromkeys(play.batch for play in group))
        if is_rolling and len(batches) > 1:
            yield _order(batches)
        for play in together(group):
            yield f"[bold]{escape(play.title)}[/]"
            yield from _play(play, verbose=verbose)


def _order(batches: tuple[tuple[str, ...], ...]) -> str:
    if all(len(batch) == 1 for batch in batches):
        return f"[bold]one after the other:[/] {escape(some(name for batch in batches for name in batch))}"
    more = f" and {len(batches) - MOST} more" if len(batches) > MOST else ""
    return f"[bold]one batch after the other:[/] {escape('; '.join(map(some, batches[:MOST])))}{more}"


def _play(play: PlayPlan, *, verbose: bool) -> Iterator[RenderableType]:
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for step in play.steps:
        change = step.change
        grouped.setdefault((change.summary, change.waits_for, change.diff), []).append(step.subject)
    for (summary, waits_for, diff), subjects in grouped.items():
        waits = f" [dim](not known yet: {escape(waits_for)})[/]" if waits_for else ""
        yield f"  [cyan]{' '.join(subjects):<10}[/] {escape(one_line(summary))}{waits}"
        if verbose and diff:
            yield Syntax(visible(diff.rstrip("\n")), "diff", background_color="default", word_wrap=True)
