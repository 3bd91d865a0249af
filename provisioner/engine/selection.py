"""Doing a part of a plan: which plays are selected, whether they need the others, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from provisioner.core.names import some
from provisioner.core.plan import Plan, PlayPlan
from provisioner.errors import PreflightError, Problem, UsageError
from provisioner.inventory.findings import nearest
from provisioner.plays.procedure import Procedure
from provisioner.world.view import View


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected: hosts and groups as typed, the only plays to do, plays to leave out."""

    limit: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


def left_out(procedure: Procedure, selection: Selection) -> frozenset[str]:
    """The titles of the plays that are not to be done. UsageError for a play that is unknown, or when none is left."""
    titles = list(dict.fromkeys(play.title for play in procedure.plays))
    only = {_title(word, titles, "--only") for word in selection.only} or set(titles)
    skip = {_title(word, titles, "--skip") for word in selection.skip}
    if only <= skip:
        raise UsageError("--only and --skip leave no play to do", hint=f"The plays are: {', '.join(titles)}.")
    return frozenset(titles) - (only - skip)


def require_needs(procedure: Procedure, kept: Plan, left: Plan) -> None:
    """PreflightError when steps that are kept need steps that are left out."""
    problems = tuple(_unmet(procedure, kept, left))
    if problems:
        raise PreflightError("the selected plays need steps that are left out; nothing was changed", problems)


def require_cluster(procedure: Procedure, kept: Plan, view: View) -> None:
    """PreflightError when steps need a cluster that does not exist, and a limit prevents its creation."""
    leader = view.leader.name
    if leader in view.limit or view.observed.states[leader].initialised:
        return
    alone = dict.fromkeys(play.title for play in procedure.plays if play.leaderless)
    by = [play.title for play in kept.plays if play.steps and play.title not in alone]
    if by:
        message = f"has no cluster yet, and {', '.join(by)} need{'' if len(by) > 1 else 's'} one"
        options = " ".join(f"--only {_word(title)}" for title in alone)
        hint = f"Add {leader} to --limit; or only prepare the hosts: {options}."
        problem = Problem("cluster-needed", leader, message, hint)
        raise PreflightError("the selected plays need steps that are left out; nothing was changed", [problem])


def told(left: Plan) -> tuple[str, ...]:
    """In words: the steps that are to be done, but are left out."""
    return tuple(f"{play.title}: {_to_do(play)} to do, left out by --only or --skip" for play in left.plays)


def _title(word: str, titles: Iterable[str], option: str) -> str:
    known = {title.replace(" ", "-"): title for title in titles}
    written = "-".join(word.lower().replace("-", " ").split())
    if written not in known:
        meant = nearest(written, known, 0.6)
        hint = f"Did you mean {meant}? " if meant else ""
        raise UsageError(f"{option} {word}: there is no such play", hint=f"{hint}The plays are: {', '.join(known)}.")
    return known[written]


def _unmet(procedure: Procedure, kept: Plan, left: Plan) -> Iterator[Problem]:
    needed = {play.title: _needed(procedure, play.title) for play in kept.plays if play.steps}
    for missing in left.plays:
        by = [title for title, needs in needed.items() if missing.title in needs]
        if by:
            yield Problem(
                "play-needed",
                missing.title,
                f"{_to_do(missing)} to do, and {', '.join(by)} need{'' if len(by) > 1 else 's'} them",
                f"Leave {_word(missing.title)} in, or leave out {', '.join(_word(title) for title in by)} too.",
            )


def _needed(procedure: Procedure, title: str) -> set[str]:
    """All plays that this one needs, and those that these need."""
    needs = {play.title: play.needs for play in procedure.plays}
    found: set[str] = set()
    new = {title}
    while new:
        new = {need for one in new for need in needs[one]} - found
        found |= new
    return found


def _to_do(play: PlayPlan) -> str:
    hosts = dict.fromkeys(step.subject for step in play.steps)
    return f"{len(play.steps)} step(s) on {some(hosts)}"


def _word(title: str) -> str:
    return title.replace(" ", "-")
