"""An unexpected answer stops only the host that gave it.

Everything that reads, compares or judges the answers of hosts runs in here: in `for_each` when it is about one host,
in `for_all` when it is about all hosts together.
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
# The end of a traceback says most. Python itself shortens that of a deep recursion.
_TRACE_CHARACTERS = 16_000


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """The result of each host: a value, or an error."""

    good: dict[str, T]
    bad: dict[str, ProvisionerError]


def attempt(host: str, work: Callable[[], T]) -> T | ProvisionerError:
    """The value of the work or that host's error, also an unexpected one."""
    try:
        return work()
    except ProvisionerError as error:
        return error
    except Exception as error:
        return _answer_error(host, error)


def sorted_out(found: Mapping[str, T | ProvisionerError], listen: Listener) -> Answers[T]:
    """Values and errors separately; for unexpected errors, the traceback goes to the log."""
    bad = {host: error for host, error in found.items() if isinstance(error, ProvisionerError)}
    for host, error in bad.items():
        if isinstance(error, AnswerError):
            listen(Traced(host, error.trace))
    return Answers({host: value for host, value in found.items() if not isinstance(value, ProvisionerError)}, bad)


def for_each(hosts: Iterable[str], work: Callable[[str], T], listen: Listener) -> Answers[T]:
    """Compute something from each host alone."""
    return sorted_out({host: attempt(host, partial(work, host)) for host in hosts}, listen)


def for_all(view: View, work: Callable[[View], T], listen: Listener) -> tuple[View, T, dict[str, ProvisionerError]]:
    """Compute something from all hosts together: the view that was used, the value, and the hosts left out of that.

    When that fails, try the control planes alone, and then with one worker at a time: workers with which it fails are
    left out. AnswerError when it fails with the control planes alone, or with no single worker.
    """
    try:
        return view, work(view), {}
    except ProvisionerError:
        raise
    except Exception as error:
        whole = _answer_error(view.leader.name, error)
    control_planes = frozenset(host.name for host in view.cluster.control_planes) & set(view.observed.facts)
    alone = for_each([view.leader.name], lambda _: work(_only(view, control_planes)), listen)
    workers = () if alone.bad else sorted(set(view.observed.facts) - control_planes)
    odd = for_each(workers, lambda host: work(_only(view, control_planes | {host})), listen).bad
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
        f"{host}: the answer of this host could not be processed: {what}",
        hint="The log says where. Check the host: its answer may be damaged or forged. If the host is in order, or "
        "several hosts fail in the same way, this is a defect of provisioner: report it with that part of the log.",
        trace=visible("".join(traceback.format_exception(error)))[-_TRACE_CHARACTERS:].rstrip(),
    )
