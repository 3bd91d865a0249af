"""Worlds that many scenarios begin with."""

from __future__ import annotations

import pytest

from tests.builders import cluster
from tests.fake.world import World


@pytest.fixture
def world() -> World:
    return World(cluster())


@pytest.fixture
def up(world: World) -> World:
    """A world whose cluster is up."""
    assert world.apply().report.result == "ok"
    world.heard.clear()
    return world
