"""Asking a question and reading its answers: from a host, from a pod's network, and what the answers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from provisioner.core.report import Reach
from provisioner.verification.kubectl import AskError, run
from provisioner.verification.paths import NetworkPath
from provisioner.verification.questions import FROM_MACHINE, LARGEST, Answer, Target, answers, arguments, heard


@dataclass(frozen=True, slots=True)
class Question:
    """What one source asks: the source, the targets' names in the scripts, and the call that gets the answers."""

    source: str
    targets: tuple[str, ...]
    ask: Callable[[], tuple[Answer, ...]]


def policy_reaches(before: Iterable[Reach], after: Iterable[Reach]) -> list[Reach]:
    """The answers under a policy, compared with those before it."""
    silent = {(reach.source, reach.target) for reach in before if not reach.ok}
    return [_under_policy(reach, (reach.source, reach.target) in silent) for reach in after]


def _under_policy(reach: Reach, silent: bool) -> Reach:
    if reach.path != NetworkPath.POLICY_DENY:
        return reach
    if silent:
        return replace(reach, ok=False, text="there was no answer even before a policy denied it")
    return reach if reach.ok else replace(reach, text="a policy denies it, but there is an answer")


def ask_from(host: Any, targets: Sequence[Target]) -> tuple[Answer, ...]:
    """Let a host itself ask all targets, as the API server and the kubelet do."""
    words = arguments(targets)
    places = " ".join(["%s"] * len(words))
    _, output, _ = run(host, f"/bin/bash -c %s ask {places}", FROM_MACHINE, *words)
    return answers(output, [target.name for target in targets])


def largest_from(host: Any, pod: str, targets: Mapping[str, str]) -> tuple[Answer, ...]:
    """Let a host measure the path MTUs from its probe; a target that cannot be measured is not in the answer."""
    words = [pod, *(item for pair in targets.items() for item in pair)]
    places = " ".join(["%s"] * len(words))
    _, output, _ = run(host, f"/bin/bash -c %s largest {places}", LARGEST, *words)
    return tuple(heard(output).values())


def results(question: Question, future: Future[tuple[Answer, ...]]) -> list[Reach]:
    """The answers to a question; when it could not be asked, the reason for each target."""
    try:
        said = future.result()
    except AskError as error:
        said = tuple(Answer(target, False, f"could not be asked: {error}") for target in question.targets)
    return [_reach(question.source, answer) for answer in said]


def _reach(source: str, answer: Answer) -> Reach:
    path, _, target = answer.target.partition(":")
    # The text of a target that is reached is not reported; the size of a packet is.
    said = answer.text if not answer.ok or path == NetworkPath.PATH_MTU else ""
    return Reach(path, source, target, answer.ok, said)
