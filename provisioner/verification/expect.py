"""How a check fails: in one line for people, with what to do next, and without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

# Public only as `pytest.fail.Exception`, from which a type checker allows no class to inherit.
from _pytest.outcomes import Failed, OutcomeException

from provisioner.errors import Problem

ARROW = "\n→ "
APPLY = "`provisioner plan` shows what `provisioner apply` would fix"


class Finding(Failed):
    """The check has found something wrong; `problems` are those that have their own rule names."""

    # As pytest does with its own: reports show `Finding`, not where it is defined.
    __module__ = "builtins"
    problems: tuple[Problem, ...] = ()


class NotChecked(Failed):
    """The check could not be made because another one failed: `cause` says where."""

    __module__ = "builtins"

    def __init__(self, cause: str, message: str) -> None:
        """`cause` is a host or `cluster`; what failed there is reported by its own check."""
        super().__init__(f"not checked: {message}", pytrace=False)
        self.cause = cause


def expect_none(wrong: Iterable[str], hint: str = APPLY) -> None:
    """Fail with everything that is wrong, in one line, and a hint."""
    found = list(wrong)
    if found:
        __tracebackhide__ = True
        raise Finding("; ".join(found) + (ARROW + hint if hint else ""), pytrace=False)


def expect_no_problems(problems: Iterable[Problem]) -> None:
    """Fail with these problems; each keeps its rule and its hint."""
    problems = tuple(problems)
    if problems:
        __tracebackhide__ = True
        finding = Finding("; ".join(problem.message for problem in problems), pytrace=False)
        finding.problems = problems
        raise finding


def told(error: BaseException | None) -> tuple[str, str]:
    """The message of a failure as (one line, hint); an exception that is not ours gives its name too."""
    message = getattr(error, "msg", "") or str(error)
    text, _, hint = message.partition(ARROW)
    line = next((line.strip() for line in text.splitlines() if line.strip()), "failed without a message")
    ours = isinstance(error, (AssertionError, OutcomeException))
    return (line if ours else f"{type(error).__name__}: {line}"), hint.strip()
