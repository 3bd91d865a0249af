"""A lock file of versions: what it holds, that runs follow it without asking, what is found when it does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.report import ignore
from provisioner.engine.gathering import look_at
from provisioner.engine.repositories import ask
from provisioner.sources.version_lock import LockedProduct, VersionLock, answers, changes, drift, lock_of, path_for
from provisioner.world.offers import Answer
from provisioner.world.view import View
from tests.builders import changed
from tests.fake.world import World
from tests.scenarios.repositories import FINGERPRINT, INSTALLED, LEGACY, world_of
from tests.scenarios.test_sources import asked, messages

PLACE = f"{LEGACY}/ kubernetes-xenial"


def looked(world: World, **changes: Any) -> View:
    session = world.begin(**changes)
    view, _ = look_at(session.run.fleet, session.view, session.run.fleet.transports)
    view, errors = ask(session.run.fleet, view, ignore, everything=True)
    assert errors == {}
    return view


@pytest.fixture
def world() -> World:
    return world_of()


@pytest.fixture
def lock(world: World) -> VersionLock:
    return lock_of(looked(world))


def test_it_holds_versions_hashes_and_keys(lock: VersionLock) -> None:
    assert [(one.platform, one.product) for one in lock.products] == [
        ("debian bookworm amd64", "docker"),
        ("debian bookworm amd64", "kubernetes"),
    ]
    locked = {package.name: package for one in lock.products for package in one.packages}
    assert {name: locked[name].version for name in INSTALLED} == INSTALLED
    assert all(len(package.sha256) == 64 for package in locked.values())
    assert all(one.fingerprints == [FINGERPRINT] for one in lock.products)
    assert "k8s.gcr.io/kube-proxy:v1.20.2" in [image.name for image in lock.images]


def test_it_comes_back_from_its_file(lock: VersionLock) -> None:
    assert VersionLock.model_validate_json(lock.model_dump_json()) == lock


def test_a_run_follows_it_and_asks_no_server(world: World, lock: VersionLock) -> None:
    before = asked(world)
    world.scene.repositories[PLACE].packages["kubernetes-cni"] = ("1.2.0-00", "1.3.0-00")
    assert world.apply(pinned=answers(lock)).report.result == "ok"
    assert asked(world) == before
    assert world.machines["w1"].packages["kubernetes-cni"].version == "1.2.0-00"
    assert world.apply(pinned=answers(lock)).report.changed == 0


def test_what_is_installed_otherwise_is_brought_to_what_is_locked(world: World, lock: VersionLock) -> None:
    world.scene.repositories[PLACE].packages["kubernetes-cni"] = ("1.2.0-00", "1.3.0-00")
    world.apply()
    outcome = world.apply(pinned=answers(lock))
    assert {step.change.summary for step in outcome.plan.steps} == {"change kubernetes-cni 1.2.0-00"}


def test_a_file_that_was_exchanged_is_not_installed(world: World, lock: VersionLock) -> None:
    other = lock.model_copy(update={"products": [_other_hash(one) for one in lock.products]})
    outcome = world.apply(pinned=answers(other))
    assert "another file now" in outcome.errors["cp1"].details
    assert "docker-ce" not in world.machines["cp1"].packages


def _other_hash(one: LockedProduct) -> LockedProduct:
    return one.model_copy(update={"packages": [each.model_copy(update={"sha256": "f" * 64}) for each in one.packages]})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kubernetes_version": "1.20.15"}, "the version lock file has no kubeadm 1.20.15"),
        (
            {"package_source": {"type": "mirror", "url": "http://x", "fingerprint": FINGERPRINT}},
            f"the version lock file is for packages from {PLACE}; the inventory wants http://x/v1.20/deb/",
        ),
    ],
    ids=["another version", "another source"],
)
def test_an_inventory_that_has_moved_on(world: World, lock: VersionLock, settings: dict[str, Any], words: str) -> None:
    moved = world_of(**settings)
    assert words in messages(moved, pinned=answers(lock))
    assert moved.done() == {}


def test_a_platform_that_it_does_not_know(world: World, lock: VersionLock) -> None:
    elsewhere = {("ubuntu noble amd64", product): answer for (_, product), answer in answers(lock).items()}
    assert "the version lock file has nothing for debian bookworm amd64" in messages(world, pinned=elsewhere)


def test_drift_names_what_the_sources_have_lost_or_exchanged(world: World, lock: VersionLock) -> None:
    assert drift(lock, looked(world)) == ()
    world.scene.repositories[PLACE].packages["kubelet"] = ("1.20.15-00",)
    view = looked(world)
    assert drift(lock, view) == (f"{PLACE}: kubelet 1.20.2-00 does not exist any more",)
    lines = drift(lock, changed(view, answers={place: _exchanged(one) for place, one in view.observed.answers.items()}))
    assert f"{PLACE}: kubeadm 1.20.2-00 is a different file now (SHA-256 {'0' * 64})" in lines


def _exchanged(answer: Answer) -> Answer:
    return replace(answer, offers=tuple(replace(offer, sha256="0" * 64) for offer in answer.offers))


def test_changes_are_shown_line_by_line(lock: VersionLock) -> None:
    after = lock.model_copy(update={"kubernetes_version": "1.20.3"})
    assert changes(lock, after) == ("Kubernetes: 1.20.2 -> 1.20.3",)


def test_it_lies_beside_its_inventory() -> None:
    assert path_for(Path("/here/production.yaml")) == Path("/here/production.versions.lock")
    assert path_for(Path("/here/production")) == Path("/here/production.versions.lock")
