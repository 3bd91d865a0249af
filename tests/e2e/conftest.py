"""The real lab: brought up once per test session, as a user would do it, and taken down at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from tests.conftest import Tally, shared_lab
from tests.e2e.ground import Ground, ground
from tests.e2e.machines import make, need_containers, room_for
from tests.e2e.watching import ArgumentsWatcher, MachineWatcher
from tests.e2e.world import World, provisioner
from tests.repositories.site import Site, make_site

LAB = "e2e"
# What is to be done when no test needs the lab any more.
_AFTER_THE_LAB = ExitStack()

# What a machine has on its disk, without what changes by merely being logged in to or by time passing (sudo itself
# notes in a user's home that they have used it once).
FINGERPRINT = r"""
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/lib/systemd \
  -o -name .sudo_as_admin_successful \) -prune -o -type f -printf '%p %s %T@ %m %u\n' | sort
dpkg --get-selections; dpkg-query -W; ip -o addr | awk '{ print $2, $4 }'; ip route
systemctl list-unit-files --no-legend; cat /proc/swaps
sysctl -a 2>/dev/null | grep -E '^net\.(bridge|ipv4\.ip_forward)'
getent passwd; getent group
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI the real thing has to be tried: a skipped test of it is a failure."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where it must run: {report.longrepr}"


@pytest.fixture(scope="session")
def lab() -> Iterator[World]:
    """One control plane and two workers with a verified cluster; `notes` has what was seen on the way."""
    with _AFTER_THE_LAB:
        _AFTER_THE_LAB.enter_context(room_for(LAB))
        yield _brought_up()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """The lab goes with the last test that uses it: a cluster takes its time of the processor also while it is idle."""
    users = [one for one in item.session.items if shared_lab(one) == "lab"]
    if users and item is users[-1]:
        _AFTER_THE_LAB.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Upstream's repositories for Debian 12, to be served."""
    need_containers()
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def sources(site: Site) -> Iterator[Ground]:
    """Two fresh machines, cp1 and w1, whose packages come from repositories of the tests."""
    with ground("e2e-sources", site, workers=1) as made:
        yield made


@pytest.fixture(scope="session")
def grown(lab: World) -> World:
    """The lab with two more machines: `w3` meets every obstacle before it becomes a node, `w4` forbids forwarding."""
    up = provisioner("lab", "up", "--name", lab.name, "--workers", "4", "--machines-only", "--json")
    assert up.code == 0, up
    return lab


@pytest.fixture
def counted_fault(tally: Tally) -> None:
    """One more fault for the summary."""
    tally("faults tried", 1)


def _brought_up() -> World:
    world = make(LAB, workers=2)
    before = {machine: world.shell(machine, FINGERPRINT) for machine in world.machines}
    file = world.inventory.with_name("fresh.plan")
    plan = world.json("plan", "--exit-code", "-o", str(file))
    after = {machine: world.shell(machine, FINGERPRINT) for machine in world.machines}
    with ArgumentsWatcher() as arguments, _watched(world, "cp1") as leader, _watched(world, "w1") as worker:
        up = provisioner("lab", "up", "--name", LAB, "--json", "-v")
    assert up.code == 0, up
    world.notes = {"before": before, "after": after, "plan": plan, "saved": file.read_text(), "up": up}
    world.notes |= {"arguments": arguments.seen, "seen": {"cp1": leader.seen, "w1": worker.seen}}
    return world


def _watched(world: World, machine: str) -> MachineWatcher:
    return MachineWatcher(partial(world.shell, machine, check=False))
