"""What nodes say of themselves and cannot be: shown, and used for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from provisioner.errors import Problem, Severity
from provisioner.world.nodes import odd_answer, odd_hint
from provisioner.world.view import View


def _odd(view: View) -> Iterator[Problem]:
    """A warning: the others can do without it. A machine of the inventory drops out of the run besides."""
    for name, why in sorted(view.observed.live.odd.items()) if view.observed.live else ():
        yield Problem("odd-answer", name, odd_answer(why), odd_hint(name), Severity.WARNING)


RULES: tuple[Callable[[View], Iterator[Problem]], ...] = (_odd,)
