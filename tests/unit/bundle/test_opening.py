"""Giving machines access to a bundle: only to a whole one, and taken away again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.bundle.common.reading import load
from provisioner.engine.session import Session
from provisioner.errors import BundleError
from provisioner.sources.bundle_access import PLACE
from tests.builders import cluster
from tests.fake.world import World


@pytest.fixture
def world() -> World:
    return World(cluster())


def session(world: World, bundle_path: Path) -> Session:
    return replace(world.begin(), bundle=load(bundle_path))


def test_a_bundle_that_was_tampered_with_is_given_to_nobody(world: World, bundle_path: Path) -> None:
    package = next((bundle_path / "apt").glob("*.deb"))
    package.write_bytes(b"b package")
    ours = session(world, bundle_path)
    with pytest.raises(BundleError) as error, ours.open_bundle(ours.run.fleet, ["cp1", "w1"]):
        pass
    assert [problem.where for problem in error.value.problems] == [f"apt/{package.name}"]
    assert [transport.batches for transport in world.transports.values()] == [[], [], []]


def test_a_whole_one_is_there_as_long_as_the_run_works(world: World, bundle_path: Path) -> None:
    ours = session(world, bundle_path)
    with ours.open_bundle(ours.run.fleet, ["cp1", "w1"]) as errors:
        assert errors == {}
        there = {name: machine.read(PLACE) for name, machine in world.machines.items()}
        assert there == {"cp1": "http://127.0.0.1:7642\n", "w1": "http://127.0.0.1:7642\n", "w2": ""}
    assert not any(machine.there(PLACE) for machine in world.machines.values())
