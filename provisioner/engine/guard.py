"""An answer that nobody has foreseen stops the machine that gave it, and no other.

Everything that reads, compares or judges what machines have answered runs in here: `for_each` where it is about one
machine, `for_all` where it is about all of them together.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from provisioner.core.report import Listener, Traced
from provisioner.core.untrusted import shown, visible
from provisioner.errors import AnswerError, ProvisionerError
from provisioner.world.view import View

T = TypeVar("T")
# The end of a trace says most. One of a deep recursion is folded by Python itself.
_TRACE_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What came of each host: a value, or an error."""

    good: dict[str, T]
    bad: dict[str, ProvisionerError]


def attempt(host: str, work: Callable[[], T]) -> T | ProvisionerError:
    """The work's value or that host's error, also one that nobody has foreseen."""
    try:
        return work()
    except ProvisionerError as error:
        return error
    except Exception as error:
        return _answer_error(host, error)


def sorted_out(found: Mapping[str, T | ProvisionerError], listen: Listener) -> Answers[T]:
    """Values and errors apart; the log is told where the code was when nobody had foreseen an error."""
    bad = {host: error for host, error in found.items() if isinstance(error, ProvisionerError)}
    for host, error in bad.items():
        if isinstance(error, AnswerError):
            listen(Traced(host, error.trace))
    return Answers({host: value for host, value in found.items() if not isinstance(value, ProvisionerError)}, bad)


def for_each(hosts: Iterable[str], work: Callable[[str], T], listen: Listener) -> Answers[T]:
    """What is computed of each host by itself."""
    return sorted_out({host: attempt(host, partial(work, host)) for host in hosts}, listen)


def for_all(view: View, work: Callable[[View], T], listen: Listener) -> tuple[View, T, dict[str, ProvisionerError]]:
    """What is computed of all hosts together, the view that it was computed of, and the hosts that are not in it.

    Where it cannot be computed, it is tried for the control planes alone, and then with one worker at a time: who
    stands in the way is left out. AnswerError when that is a control plane, or when it is nobody by itself.
    """
    try:
        return view, work(view), {}
    except ProvisionerError:
        raise
    except Exception as error:
        whole = _answer_error(view.leader.name, error)
    planes = frozenset(host.name for host in view.cluster.control_planes) & set(view.observed.facts)
    alone = for_each([view.leader.name], lambda _: work(_only(view, planes)), listen)
    workers = () if alone.bad else sorted(set(view.observed.facts) - planes)
    odd = for_each(workers, lambda host: work(_only(view, planes | {host})), listen).bad
    if not odd:
        listen(Traced(view.leader.name, whole.trace))
        raise next(iter(alone.bad.values()), whole)
    left, value, more = for_all(_only(view, set(view.observed.facts) - set(odd)), work, listen)
    return left, value, odd | more


def _only(view: View, hosts: AbstractSet[str]) -> View:
    """As if the other hosts had not answered."""
    fewer = view.with_observed(
        facts={host: facts for host, facts in view.observed.facts.items() if host in hosts},
        states={host: state for host, state in view.observed.states.items() if host in hosts},
    )
    return replace(fewer, limit=view.limit & hosts)


def _answer_error(host: str, error: Exception) -> AnswerError:
    what = f"{type(error).__name__}: {shown(str(error))}" if str(error) else type(error).__name__
    return AnswerError(
        f"{host}: what this machine has answered could not be processed: {what}",
        hint="The log says where. Look at the machine: what it says may be damaged, or made up. If it is well, or "
        "several machines fail in the same way, this is a fault of provisioner: report it with that part of the log.",
        trace=visible("".join(traceback.format_exception(error)))[-_TRACE_CHARACTERS:].rstrip(),
    )
