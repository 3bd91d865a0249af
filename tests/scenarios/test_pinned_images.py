"""Images from registries, locked by digest: every machine gets those, whichever digest their names have now."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.inventory.values import Secret
from provisioner.sources.version_lock import VersionLock, answers, changes, image_digests, image_drift, lock_of
from tests.fake.world import World
from tests.scenarios.repositories import SOURCES, world_of
from tests.scenarios.test_sources import messages
from tests.scenarios.test_version_lock import looked

NAMES = ("kube-apiserver:v1.20.2", "kube-controller-manager:v1.20.2", "kube-scheduler:v1.20.2", "kube-proxy:v1.20.2")
IMAGES = tuple(f"k8s.gcr.io/{name}" for name in (*NAMES, "etcd:3.4.13-0", "pause:3.2", "coredns:1.7.0"))
DIGESTS = {name: f"sha256:{number:064}" for number, name in enumerate(IMAGES)}
OF_WORKERS = {f"k8s.gcr.io/{name}" for name in ("kube-proxy:v1.20.2", "pause:3.2", "coredns:1.7.0")}


@pytest.fixture(params=["docker", "containerd"])
def world(request: pytest.FixtureRequest) -> World:
    return world_of(runtime={**SOURCES["runtime"], "type": request.param})


@pytest.fixture
def lock(world: World) -> VersionLock:
    return lock_of(looked(world), DIGESTS)


def followed(lock: VersionLock) -> dict[str, Any]:
    return {"pinned": answers(lock), "image_digests": image_digests(lock)}


def test_every_machine_gets_the_images_that_it_needs_by_digest(world: World, lock: VersionLock) -> None:
    assert image_digests(lock) == DIGESTS
    assert world.apply(**followed(lock)).report.result == "ok"
    assert world.machines["cp1"].digests == DIGESTS
    assert set(world.machines["w1"].digests) == OF_WORKERS
    assert world.apply(**followed(lock)).report.changed == 0


def test_an_image_that_is_another_one_is_replaced_and_shown(world: World, lock: VersionLock) -> None:
    world.apply(**followed(lock))
    world.machines["w1"].digests["k8s.gcr.io/pause:3.2"] = "sha256:other"
    (step,) = world.plan(**followed(lock)).plan.steps
    assert step.change.summary == "pull image k8s.gcr.io/pause:3.2 by digest"
    assert step.change.diff.startswith("-k8s.gcr.io/pause:3.2@sha256:other\n+")
    assert world.apply(**followed(lock)).report.result == "ok"
    assert world.machines["w1"].digests["k8s.gcr.io/pause:3.2"] == DIGESTS["k8s.gcr.io/pause:3.2"]


def test_without_digests_kubeadm_pulls_as_ever(world: World) -> None:
    lock = lock_of(looked(world))
    assert image_digests(lock) == {}
    assert world.apply(pinned=answers(lock)).report.result == "ok"
    assert world.machines["cp1"].digests == {}


def test_what_has_moved_at_the_registry_is_said(lock: VersionLock) -> None:
    moved = {**DIGESTS, "k8s.gcr.io/pause:3.2": "sha256:new", "k8s.gcr.io/etcd:3.4.13-0": ""}
    assert set(image_drift(lock, moved)) == {
        "image k8s.gcr.io/etcd:3.4.13-0 does not exist any more",
        "image k8s.gcr.io/pause:3.2 has another digest now (sha256:new)",
    }
    assert image_drift(lock, DIGESTS) == ()


def test_another_digest_is_a_change_of_the_lock_file(world: World, lock: VersionLock) -> None:
    moved = lock_of(looked(world), {**DIGESTS, "k8s.gcr.io/pause:3.2": "sha256:new"})
    before = DIGESTS["k8s.gcr.io/pause:3.2"]
    assert changes(lock, moved) == (f"image k8s.gcr.io/pause:3.2: {before} -> sha256:new",)


def test_a_repository_of_ones_own_is_not_what_was_locked(world: World, lock: VersionLock) -> None:
    elsewhere = world_of(runtime=SOURCES["runtime"], image_repository="mirror.example:5000/k8s")
    text = messages(elsewhere, image_digests=image_digests(lock))
    assert "the version lock file has nothing for mirror.example:5000/k8s/coredns:1.7.0" in text
    assert elsewhere.done() == {}


def test_a_repository_of_ones_own_is_kubeadms_too() -> None:
    world = world_of(image_repository="mirror.example:5000/k8s")
    assert lock_of(looked(world)).images[0].name == "mirror.example:5000/k8s/coredns:1.7.0"
    assert world.apply().report.result == "ok"
    configured = [
        command.stdin.reveal()
        for batch in world.transports["cp1"].batches
        for command in batch
        if isinstance(command.stdin, Secret) and "kind: ClusterConfiguration" in command.stdin.reveal()
    ]
    assert configured
    assert all('imageRepository: "mirror.example:5000/k8s"' in text for text in configured)
