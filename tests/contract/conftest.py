"""The machine that the contract is about: a simulated one in the fast tests, and one of the lab in `make test`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner.core.report import ignore
from provisioner.engine.session import open_session
from provisioner.inventory.loader import load
from provisioner.labs import container
from provisioner.labs.spec import LabSpec
from provisioner.sources.bundle_access import opened
from tests.builders import cluster, host
from tests.conftest import Tally
from tests.contract.fake_hands import FakeHands
from tests.contract.real_hands import RealHands
from tests.contract.subject import HOST, Subject
from tests.e2e.conftest import pytest_runtest_makereport
from tests.e2e.machines import need_containers
from tests.e2e.world import provisioner
from tests.fake.world import World

# In CI the real machine has to be tried: a skipped test is a failure there too.
__all__ = ["pytest_runtest_makereport"]

LAB = "contract"
KINDS = [pytest.param("the fake"), pytest.param("a real machine", marks=pytest.mark.e2e)]


@pytest.fixture(scope="package", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two it is."""
    return str(request.param)


@pytest.fixture(scope="package")
def subject(kind: str) -> Iterator[Subject]:
    """A fresh machine, and the bundle at hand on it."""
    with _fake() if kind == "the fake" else _real() as one:
        yield one


@contextmanager
def _fake() -> Iterator[Subject]:
    world = World(cluster(host(HOST, "10.0.0.11")))
    world.plan()
    transport = world.transports[HOST]
    transport.run([opened(world.session.view.materials.run, "http://127.0.0.1:7642")])
    yield Subject(world.session.view, transport, FakeHands(world.machines[HOST]))


@contextmanager
def _real() -> Iterator[Subject]:
    need_containers()
    container.down(LAB, ignore)
    built = provisioner("bundle", "build")
    assert built.code == 0, built
    try:
        lab = container.up(LabSpec(name=LAB, control_planes=1, workers=0), ignore)
        with open_session(load(lab.inventory), ignore) as session:
            fleet = session.run.fleet
            with session.open_bundle(fleet, [HOST]):
                transport = fleet.transports[HOST]
                yield Subject(session.view, transport, RealHands(f"provisioner-lab-{LAB}-{HOST}", transport))
    finally:
        container.down(LAB, ignore)


@pytest.fixture(autouse=True)
def counted(kind: str, tally: Tally) -> None:
    """Every test here counts."""
    tally(f"contract tests on {kind}", 1)
