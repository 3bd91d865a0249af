"""What planning costs grows with the number of hosts, and not with its square: counted in calls, on any machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from provisioner.engine.planning import desired
from provisioner.inventory.model import Cluster
from provisioner.procedures.bring_up import BRING_UP
from provisioner.world.addressing.deciding import decide
from provisioner.world.view import View
from tests.builders import changed, cluster, host, running, view


def of(count: int) -> Cluster:
    workers = [host(f"w{number}", f"10.0.1.{number}") for number in range(1, count)]
    return cluster(host("cp1", "10.0.0.11"), *workers)


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, Python's own and those in C."""
    found = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return found


@pytest.mark.parametrize("make", [view, running])
def test_what_is_desired_of_twice_the_hosts_costs_twice_as_much(make: Callable[[Cluster], View]) -> None:
    def cost(count: int) -> int:
        seen = make(of(count))
        seen = changed(seen, addresses=decide(seen))
        return calls(lambda: desired(BRING_UP, seen))

    cost(10)  # Templates are compiled once.
    few, more, most = cost(50), cost(100), cost(200)
    assert most - more < 2.2 * (more - few)
