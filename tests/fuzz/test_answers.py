"""Readers of what machines say: facts, state, the cluster, the lock, ways, sources, and the marks of a batch."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from provisioner.core.command import Result
from provisioner.core.untrusted import visible
from provisioner.sources.asking import read_answer
from provisioner.transports.marks import GarbledError, Stream
from provisioner.world import lock
from provisioner.world.cluster import read_cluster
from provisioner.world.derived import node_address
from provisioner.world.facts import read_facts, read_lock, read_state
from provisioner.world.look import Section
from provisioner.world.measure import read_ways
from provisioner.world.network import read_record, record
from provisioner.world.view import View
from provisioner.world.workloads import (
    BUDGETS,
    DAEMON_SETS,
    LEASES,
    SYSTEM_PODS,
    budgets,
    leases,
    selected_networks,
    system_pods,
)
from tests.builders import changed, ok, view
from tests.conftest import TESTS, Tally
from tests.fuzz.mutating import SEED, dice, mutated
from tests.fuzz.recording import answers
from tests.fuzz.test_resources import NO_ANSWER
from tests.unit.core.test_marks import SEPARATOR
from tests.unit.core.test_marks import batch as streamed

pytestmark = pytest.mark.fuzz

Reader = Callable[[Result], Any]
INPUTS = 12_000
MARKS = 60_000

FACTS = [path.read_text() for path in sorted((TESTS / "cases" / "facts").glob("*.txt"))]
RECORD = "run=0123456789abcdef\nowner=anna\nmachine=laptop\ndoing=apply\nbegan=1800000000\n"
HELD = f"held 4 {base64.b64encode(RECORD.encode()).decode()} regular file\n"
DECIDED = [record(one) for one in (node_address(view(), host) for host in view().hosts) if one]


def held_in(answer: str) -> str:
    """A look at a control plane that somebody works on."""
    mark = answer.partition("\n")[0]
    return answer.replace(f"{mark} lock\n", f"{mark} lock\n{HELD}", 1)


def looked() -> list[str]:
    return [*FACTS, *answers("look"), *answers("look_leader")]


def told(section: Section, read: Callable[[View], Any], *texts: str) -> tuple[Reader, Callable[[], list[str]]]:
    """The reader of a procedure's own question, and answers to begin with."""
    return lambda seen: read(changed(view(), told={("cp1", section.name): seen.stdout})), lambda: list(texts)


READERS: Mapping[str, tuple[Reader, Callable[[], list[str]]]] = {
    "facts": (read_facts, looked),
    "state": (read_state, looked),
    "cluster": (read_cluster, looked),
    "lock in a look": (read_lock, lambda: [held_in(text) for text in answers("look_leader")]),
    "lock": (lambda seen: lock.read(seen.stdout, *lock.Word), lambda: [HELD, *answers("take")]),
    "ways": (read_ways, lambda: answers("measure")),
    "decision": (lambda seen: read_record(seen.stdout), lambda: DECIDED),
    "budgets": told(BUDGETS, budgets, "shop web 0 2 2 3\nkube-system dns 1 2 1 2\n"),
    "DaemonSets": told(DAEMON_SETS, selected_networks, "kube-system kube-proxy \nkube-flannel flannel flannel\n"),
    "leases": told(LEASES, leases, "w1 2026-11-30T15%3A47%3A28.123456Z\ncp1 2026-11-30T15%3A47%3A28Z\nw2 \n"),
    "system pods": told(SYSTEM_PODS, system_pods, "cp1 etcd-cp1 True\nw1 kube-proxy False\n kube-proxy \n"),
    "sources": (
        read_answer,
        lambda: [*answers("ask"), "=== apt\n=== key\nLS0t\n=== packages\nkubeadm 1.20.2-00 " + "a" * 64],
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_a_reader_gives_a_value_or_says_that_it_is_none(name: str, tally: Tally) -> None:
    read, begin = READERS[name]
    chance = dice(name)
    for said in itertools.islice(itertools.cycle([*begin(), ""]), INPUTS):
        answer = visible(mutated(said, chance))
        try:
            read(ok(answer))
        except NO_ANSWER:
            continue
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} from {answer!r}, PROVISIONER_TEST_SEED={SEED}") from error
    tally("hostile inputs tried", INPUTS)


def test_marks_give_each_command_one_result_or_are_refused(tally: Tally) -> None:
    """Whole, cut, doubled and turned round; with the separator, as from someone who has read the script."""
    chance = dice("marks")
    outputs = ["", "a\n", "x" * 70, f"\n{SEPARATOR} end 0 0", "\udcff"]
    for _ in range(MARKS):
        count = chance.randrange(5)
        text = streamed(*(chance.choice(outputs).encode(errors="surrogateescape") for _ in range(count)))
        data = mutated(text.decode(errors="surrogateescape"), chance).encode(errors="surrogatepass")
        told: list[tuple[str, int]] = []
        stream = Stream(SEPARATOR, count, lambda word, number: told.append((word, number)))  # noqa: B023
        try:
            for start in range(0, len(data), size := chance.choice((7, 100, 10**6))):
                stream.feed(data[start : start + size])
            stream.close()
        except GarbledError:
            pass
        turns = [(word, number) for number in range(count) for word in ("begin", "end")]
        assert told == turns[: len(told)], (data, SEED)
        assert len(stream.ended) <= count
        assert all(0 <= code <= 255 for code, _ in stream.ended)
    tally("hostile inputs tried", MARKS)
