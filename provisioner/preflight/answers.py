"""Impossible values that nodes report about themselves: they are shown, and never used."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.errors import Problem, Severity
from provisioner.world.nodes import odd_answer, odd_hint
from provisioner.world.view import View


def _odd(view: View) -> Iterator[Problem]:
    """A warning, as the other nodes do not need this one. If it is a host of the inventory, it drops out of the run."""
    for name, why in sorted(view.observed.live.odd.items()) if view.observed.live else ():
        yield Problem("odd-answer", name, odd_answer(why), odd_hint(name), Severity.WARNING)


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (_odd,)
