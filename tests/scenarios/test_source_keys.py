"""Keys of repositories in whole runs: lost, closed, exchanged, expired."""

from __future__ import annotations

import pytest

from provisioner.core.report import Found
from provisioner.errors import Severity
from provisioner.sources import openpgp
from provisioner.sources.armor import armored
from tests.conftest import TESTS
from tests.fake.world import World
from tests.scenarios.repositories import DOCKER, FINGERPRINT, SOURCES, world_of
from tests.scenarios.test_sources import asked, found, messages


@pytest.fixture
def world() -> World:
    return world_of()


def test_the_key_is_readable_for_all_users(world: World) -> None:
    world.apply()
    key = world.machines["w1"].files["/etc/apt/keyrings/kubernetes.asc"]
    assert (key.mode, openpgp.read(key.text)[0].fingerprint) == ("644", FINGERPRINT)


def test_a_key_that_was_lost_or_closed_comes_back(world: World) -> None:
    world.apply()
    world.machines["w1"].drop("/etc/apt/keyrings/kubernetes.asc")
    world.machines["w2"].files["/etc/apt/keyrings/docker.asc"].mode = "600"
    outcome = world.apply()
    assert {(step.subject, step.key) for step in outcome.plan.steps} == {
        ("w1", "file /etc/apt/keyrings/kubernetes.asc"),
        ("w2", "file /etc/apt/keyrings/docker.asc"),
    }
    assert (outcome.report.result, asked(world)) == ("ok", 7)


def test_another_key_than_the_one_that_is_trusted(world: World) -> None:
    other = "0" * 40
    world = world_of(package_source={**SOURCES["package_source"], "fingerprint": other})
    text = messages(world)
    assert FINGERPRINT in text
    assert other in text


def key(name: str) -> str:
    return (TESTS / "cases" / "sources" / f"{name}.asc").read_text()


@pytest.fixture
def expired() -> World:
    """A cluster whose machines trust a key that has expired meanwhile: fingerprint and packages are as they were."""
    (old,) = openpgp.read(key("expired"))
    world = world_of(runtime={"source": {**SOURCES["runtime"]["source"], "fingerprint": old.fingerprint}})
    docker = world.scene.repositories[f"{DOCKER}/debian bookworm"]
    docker.key = key("renewed")
    assert world.apply().report.result == "ok"
    for machine in world.machines.values():
        machine.put("/etc/apt/keyrings/docker.asc", armored(old.data))
    return world


def test_a_key_that_has_expired_is_replaced_by_its_successor(expired: World) -> None:
    outcome = expired.apply()
    assert {step.key for step in outcome.plan.steps} == {"file /etc/apt/keyrings/docker.asc"}
    assert openpgp.read(expired.machines["w1"].read("/etc/apt/keyrings/docker.asc")) == openpgp.read(key("renewed"))
    before = asked(expired)
    assert (expired.apply().report.changed, asked(expired)) == (0, before)


def test_a_key_that_has_no_successor_is_a_warning_where_nothing_is_to_be_installed(expired: World) -> None:
    docker = expired.scene.repositories[f"{DOCKER}/debian bookworm"]
    docker.key, docker.trouble = key("expired"), "W: GPG error: http://x InRelease: EXPKEYSIG 14A6F18928A3E2C9\n"
    expired.heard.clear()
    assert expired.apply().report.changed == 0
    (warning,) = {event.problem for event in expired.heard if isinstance(event, Found)}
    assert (warning.rule, warning.severity) == ("source-silent", Severity.WARNING)
    expired.machines["w1"].packages.pop("docker-ce")
    assert found(expired) == {"source-silent"}
