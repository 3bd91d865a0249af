"""Whole runs with packages from repositories: what is asked, what is found in the way, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.errors import PreflightError
from tests.builders import cluster, host
from tests.fake.repositories import FakeRepository
from tests.fake.state import FakePackage
from tests.fake.world import World
from tests.scenarios.repositories import DOCKER, FINGERPRINT, INSTALLED, KEY, LEGACY, SOURCES, world_of


@pytest.fixture
def world() -> World:
    return world_of()


def asked(world: World) -> int:
    return sum(repository.asked for repository in world.scene.repositories.values())


def test_from_repositories_to_a_cluster_with_exact_versions_that_are_held(world: World) -> None:
    outcome = world.apply()
    assert (outcome.report.result, outcome.errors) == ("ok", {})
    assert list(world.cluster.nodes) == ["cp1", "w1", "w2"]
    for machine in world.machines.values():
        assert {name: machine.packages[name].version for name in INSTALLED} == INSTALLED
        assert all(machine.packages[name].held for name in INSTALLED)
        assert not machine.packages["conntrack"].held


def test_nothing_is_served_from_this_machine(world: World) -> None:
    world.apply()
    assert not [text for told in world.done().values() for text in told if "opened" in text]
    assert not any(machine.images for machine in world.machines.values())


def test_sources_are_asked_once_and_not_again_when_all_is_there(world: World) -> None:
    world.apply()
    assert asked(world) == 6
    outcome = world.apply()
    assert (outcome.report.changed, asked(world)) == (0, 6)
    assert {told.round_trips for told in outcome.report.hosts.values()} == {2}


def test_a_plan_asks_and_changes_nothing(world: World) -> None:
    outcome = world.plan()
    assert world.done() == {}
    assert asked(world) == 6
    assert any("docker-ce 5:20.10.24~3-0~debian-bookworm" in step.change.summary for step in outcome.plan.steps)


def test_other_definitions_of_the_source_are_removed(world: World) -> None:
    old = "deb https://apt.kubernetes.io/ kubernetes-xenial main"
    world.machines["w1"].put("/etc/apt/sources.list.d/kubernetes.list", old)
    outcome = world.apply()
    (step,) = (step for step in outcome.plan.steps if step.key == "other sources of kubernetes")
    assert old in step.change.diff
    assert not world.machines["w1"].there("/etc/apt/sources.list.d/kubernetes.list")


def test_the_distributions_docker_makes_room_on_a_machine_that_is_no_node(world: World) -> None:
    for name in ("containerd", "docker.io", "runc"):
        world.machines["w1"].packages[name] = FakePackage("1", held=True)
    outcome = world.apply()
    assert outcome.report.result == "ok"
    assert [step.change.summary for step in outcome.plan.steps if step.key.startswith("packages without")] == [
        "remove containerd, docker.io, runc (conflict with containerd.io)"
    ]
    assert not {"containerd", "docker.io", "runc"} & world.machines["w1"].packages.keys()


def test_the_docker_of_a_running_node_is_not_exchanged() -> None:
    world = World(cluster())
    world.apply()
    world.grow(cluster(images="bundle", runtime=SOURCES["runtime"]))
    world.scene.repositories.update(world_of().scene.repositories)
    assert found(world) == {"runtime-change"}
    assert world.done() == {}


def found(world: World) -> set[str]:
    with pytest.raises(PreflightError) as error:
        world.apply()
    assert all(problem.hint for problem in error.value.problems)
    return {problem.rule for problem in error.value.problems}


def messages(world: World, **changes: Any) -> str:
    with pytest.raises(PreflightError) as error:
        world.apply(**changes)
    return "\n".join(str(problem) for problem in error.value.problems)


def test_a_version_that_no_source_has(world: World) -> None:
    desired = world_of(kubernetes_version="1.20.7", runtime={**SOURCES["runtime"], "version": "20.10.25"})
    text = messages(desired)
    assert (
        f"cp1, w1, w2: {LEGACY}/ kubernetes-xenial has no kubeadm 1.20.7, kubectl 1.20.7, kubelet 1.20.7; "
        "it has kubeadm 1.20.2-00, 1.20.15-00, 1.19.16-00, 1.21.0-00"
    ) in text or "it has kubeadm 1.20.2-00, 1.20.15-00" in text
    assert "no docker-ce 20.10.25" in text
    assert desired.done() == {}


def test_a_source_that_is_not_there(world: World) -> None:
    del world.scene.repositories[f"{LEGACY}/ kubernetes-xenial"]
    assert "Failed to fetch" not in messages(world)
    assert f"{LEGACY}/key.gpg: 404 Not Found" in messages(world)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            "E: Failed to fetch http://x/InRelease  403  Forbidden [IP: 192.0.2.1 80]\n",
            "http://x/InRelease: 403 Forbidden",
        ),
        ("E: The repository 'http://x bookworm Release' does not have a Release file.\n", "no repository for bookworm"),
        (
            "W: GPG error: http://x InRelease: EXPKEYSIG 234654DA9A296436 isv\nE: The repository is not signed.\n",
            "expired",
        ),
    ],
    ids=["forbidden", "no such suite", "the key has expired"],
)
def test_a_source_that_cannot_be_used(world: World, trouble: str, words: str) -> None:
    world.scene.repositories[f"{DOCKER}/debian bookworm"].trouble = trouble
    assert words in messages(world)
    assert world.done() == {}


def test_a_source_without_packages_for_the_architecture(world: World) -> None:
    world.scene.repositories[f"{DOCKER}/debian bookworm"].packages.clear()
    assert found(world) == {"no-packages"}


def test_images_of_a_bundle_go_with_packages_of_a_repository() -> None:
    world = world_of(images="bundle")
    assert world.apply().report.result == "ok"
    assert world.bundle_for == ["cp1", "w1", "w2"]
    assert world.machines["cp1"].images
    assert world.machines["w1"].packages["kubelet"].version == "1.20.2-00"


def test_a_worker_added_later_gets_what_the_others_have(world: World) -> None:
    world.apply()
    world.grow(cluster(*world.desired.hosts, host("w3", "10.0.0.23"), **SOURCES))
    assert world.apply().report.result == "ok"
    assert world.machines["w3"].packages["kubelet"].version == "1.20.2-00"
    assert asked(world) == 8


def test_the_distributions_own_docker() -> None:
    world = world_of(runtime={"source": {"type": "distribution"}})
    versions: dict[str, tuple[str, ...]] = {
        "containerd": ("1.6.20~ds1-1",),
        "docker.io": ("20.10.24+dfsg1-1",),
        "runc": ("1.1.5+ds1-1",),
    }
    world.scene.repositories["distribution"] = FakeRepository("", "", versions)
    assert world.apply().report.result == "ok"
    for machine in world.machines.values():
        assert {name: (machine.packages[name].version,) for name in versions} == versions
        assert all(machine.packages[name].held for name in versions)
        assert not machine.there("/etc/apt/sources.list.d/docker.sources")
    assert world.apply().report.changed == 0


def test_one_repository_for_each_minor_release() -> None:
    url = "http://mirror.example/core:/stable:"
    world = world_of(package_source={"type": "mirror", "url": url, "fingerprint": FINGERPRINT})
    names = ("kubeadm", "kubectl", "kubelet", "kubernetes-cni")
    packages: dict[str, tuple[str, ...]] = dict.fromkeys(names, ("1.20.2-1.1", "1.20.2-2.1", "1.20.10-1.1"))
    repository = FakeRepository(KEY, f"{url}/v1.20/deb/Release.key", packages)
    world.scene.repositories[f"{url}/v1.20/deb/ /"] = repository
    assert world.apply().report.result == "ok"
    machine = world.machines["w1"]
    assert machine.packages["kubelet"].version == "1.20.2-2.1"
    assert "cri-tools" not in machine.packages
    asked_once = repository.asked
    assert (world.apply().report.changed, repository.asked) == (0, asked_once)


def test_a_newer_kubernetes_with_containerd_from_dockers_repository() -> None:
    url = "http://mirror.example/core:/stable:"
    world = world_of(
        kubernetes_version="1.25.4",
        package_source={"type": "mirror", "url": url, "fingerprint": FINGERPRINT},
        runtime={**SOURCES["runtime"], "type": "containerd"},
    )
    packages: dict[str, tuple[str, ...]] = {
        **dict.fromkeys(("kubeadm", "kubectl", "kubelet"), ("1.25.4-1.1", "1.25.16-1.1")),
        "cri-tools": ("1.25.0-1.1",),
        "kubernetes-cni": ("1.1.1-1.1",),
    }
    world.scene.repositories[f"{url}/v1.25/deb/ /"] = FakeRepository(KEY, f"{url}/v1.25/deb/Release.key", packages)
    assert world.apply().report.result == "ok"
    there = world.machines["w1"].packages
    desired = {"kubelet": "1.25.4-1.1", "cri-tools": "1.25.0-1.1", "containerd.io": "2.2.0-2~debian.12~bookworm"}
    assert {name: there[name].version for name in desired} == desired
    assert "docker-ce" not in there


def test_a_machine_that_is_limited_away_is_not_asked(world: World) -> None:
    world.apply()
    world.machines["w1"].drop("/etc/apt/keyrings/docker.asc")
    before = asked(world)
    assert world.apply(limit=frozenset({"w2"})).report.changed == 0
    assert asked(world) == before


def test_a_bundle_has_one_runtime() -> None:
    desired = World(cluster(runtime={"version": "20.10.23"}))
    assert "the bundle has docker.io 20.10.24+dfsg1-1, and the inventory wants 20.10.23" in messages(desired)
    assert World(cluster(runtime={"version": "20.10.24"})).plan().report.result == "changes"


def test_a_saved_plan_allows_what_it_has_shown_and_not_another_version(world: World) -> None:
    agreed = world.plan().plan
    world.scene.repositories[f"{DOCKER}/debian bookworm"].packages["containerd.io"] = ("1.7.28-1",)
    with pytest.raises(PreflightError, match="have changed since the plan was made"):
        world.apply(agreed=agreed)
    world.scene.repositories[f"{DOCKER}/debian bookworm"].packages["containerd.io"] = ("1.7.27-1",)
    assert world.apply(agreed=agreed).report.result == "ok"
