"""Whole runs with Kubernetes' binaries as files with checksums: what is asked, what is found, what comes of changes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from provisioner.core.report import Found
from provisioner.errors import Problem, Severity
from provisioner.sources.version_lock import answers, drift, lock_of
from provisioner.world.look import PROGRAMS as NOTES
from tests.builders import cluster
from tests.fake.repositories import digest
from tests.fake.state import FakePackage
from tests.fake.world import World
from tests.scenarios.repositories import BINARIES, PROGRAMS, SOURCES, world_of, world_of_binaries
from tests.scenarios.test_sources import found, messages
from tests.scenarios.test_version_lock import looked

UNIT = "/usr/lib/systemd/system/kubelet.service"
INSTALLED = {"kubeadm": "1.20.2", "kubectl": "1.20.2", "kubelet": "1.20.2", "kubernetes-cni": "1.1.1"}


@pytest.fixture
def world() -> World:
    return world_of_binaries()


def noted(world: World, machine: str) -> dict[str, str]:
    notes = (world.machines[machine].read(path) for path in world.machines[machine].below(NOTES))
    return {note.split()[0]: note.split()[1] for note in notes}


def asked(world: World) -> int:
    return world.scene.repositories[BINARIES].asked


def other(world: World, **settings: Any) -> World:
    world.grow(cluster(*world.desired.hosts, **{**PROGRAMS, **settings}))
    return world


def source(**changes: Any) -> dict[str, Any]:
    return {**PROGRAMS["package_source"], **changes}


def test_from_programs_to_a_cluster_that_asks_no_more(world: World) -> None:
    outcome = world.apply()
    assert (outcome.report.result, outcome.errors) == ("ok", {})
    assert list(world.cluster.nodes) == ["cp1", "w1", "w2"]
    for name, machine in world.machines.items():
        assert noted(world, name) == INSTALLED
        assert not {"kubelet", "kubeadm", "kubectl"} & machine.packages.keys()
        assert machine.files["/usr/bin/kubelet"].mode == "755"
        assert machine.there("/opt/cni/bin/bridge")
        assert "ExecStart=/usr/bin/kubelet" in machine.read(UNIT)
        assert machine.there(f"{UNIT}.d/10-kubeadm.conf")
    assert asked(world) > 0
    before = asked(world)
    outcome = world.apply()
    assert (outcome.report.changed, asked(world)) == (0, before)
    assert {told.round_trips for told in outcome.report.hosts.values()} == {2}


def test_the_plan_shows_versions_and_checksums(world: World) -> None:
    outcome = world.plan()
    (step,) = (step for step in outcome.plan.steps if (step.subject, step.key) == ("w1", "binary kubelet"))
    assert step.change.summary == "install kubelet 1.20.2"
    assert digest("kubelet 1.20.2") in step.change.diff
    assert f"{BINARIES}/release/v1.20.2/bin/linux/amd64/kubelet" in step.change.diff
    assert world.done() == {}


def test_crictl_comes_where_something_else_than_the_kubelets_shim_needs_it() -> None:
    world = world_of_binaries(runtime={**SOURCES["runtime"], "type": "containerd"})
    assert world.apply().report.result == "ok"
    assert noted(world, "w1") == {**INSTALLED, "cri-tools": "1.20.0"}
    assert world.machines["w1"].there("/etc/crictl.yaml")


def test_a_program_that_is_another_now_is_restored_and_the_kubelet_restarts(world: World) -> None:
    world.apply()
    world.machines["w1"].put("/usr/bin/kubelet", "something else", "755")
    before = asked(world)
    summaries = [(step.subject, step.change.summary) for step in world.apply().plan.steps]
    assert summaries == [
        ("w1", "restore kubelet 1.20.2"),
        ("w1", "restart kubelet.service (/usr/bin/kubelet is newer)"),
    ] or summaries[0] == ("w1", "restore kubelet 1.20.2")
    assert world.machines["w1"].units["kubelet.service"].runs_with["/usr/bin/kubelet"].startswith("kubelet 1.20.2")
    assert asked(world) == before
    assert world.apply().report.changed == 0


def test_versions_go_up_and_down_again() -> None:
    world = world_of_binaries()
    for version in ("1.1.1", "1.9.1", "1.1.1"):
        assert other(world, package_source=source(cni_version=version)).apply().report.result == "ok"
        assert noted(world, "w1")["kubernetes-cni"] == version
        assert world.apply().report.changed == 0


def test_kubernetes_goes_up_and_down_before_there_is_a_cluster(world: World) -> None:
    packages = "machine, container runtime, kubernetes packages"
    for version in ("1.20.2", "1.20.15", "1.20.2"):
        assert other(world, kubernetes_version=version).apply(only=packages).report.result == "ok"
        assert noted(world, "cp1")["kubelet"] == version
        assert world.apply(only=packages).report.changed == 0


def test_a_version_that_is_not_there(world: World) -> None:
    text = messages(other(world, kubernetes_version="1.20.7"))
    assert f"{BINARIES} has no kubeadm 1.20.7, kubectl 1.20.7, kubelet 1.20.7; it has kubeadm 1.20.15" in text
    assert world.done() == {}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("E: Failed to fetch http://x/kubelet.sha256  403  Forbidden\n", "http://x/kubelet.sha256: 403 Forbidden"),
        (
            "E: Failed to fetch http://x/y.sha256  what is there is no SHA-256\n",
            "y.sha256: what is there is no SHA-256",
        ),
    ],
    ids=["forbidden", "no checksum"],
)
def test_a_source_that_cannot_be_used(world: World, trouble: str, words: str) -> None:
    world.scene.repositories[BINARIES].trouble = trouble
    assert words in messages(world)
    assert world.done() == {}


def test_plug_ins_that_are_not_there(world: World) -> None:
    text = messages(other(world, package_source=source(cni_version="1.2.3")))
    assert f"{BINARIES}-plug-ins/v1.2.3/cni-plugins-linux-amd64-v1.2.3.tgz.sha256: 404 Not Found" in text


def test_what_arrives_with_another_checksum_is_not_installed(world: World) -> None:
    lock = answers(lock_of(looked(world)))
    wrong = {
        place: answer
        if place[1] == "docker"
        else type(answer)(
            tuple(type(one)(one.package, one.version, "f" * 64) for one in answer.offers), pinned=answer.pinned
        )
        for place, answer in lock.items()
    }
    outcome = world.apply(pinned=wrong)
    assert "Hash Sum mismatch" in outcome.errors["cp1"].details
    assert noted(world, "cp1") == {}
    assert world.apply().report.result == "ok"


def test_packages_of_the_same_names_make_room_on_a_machine_that_is_no_node(world: World) -> None:
    machine = world.machines["w1"]
    machine.put("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", "of the package")
    for name in ("kubelet", "kubeadm"):
        machine.packages[name] = FakePackage("1.19.11-00", held=True)
    outcome = world.apply()
    assert outcome.report.result == "ok"
    summaries = [step.change.summary for step in outcome.plan.steps if step.key.startswith("packages without")]
    assert summaries == ["remove kubeadm, kubelet (conflict with binaries without a package)"]
    assert not machine.there("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf")
    assert "kubelet" not in machine.packages


def test_packages_of_a_running_node_are_not_exchanged() -> None:
    world = world_of()
    world.apply()
    world.scene.repositories |= world_of_binaries().scene.repositories
    assert "w1" in messages(other(world))
    assert found(world) == {"packages-in-the-way"}
    assert world.done() == {}


def unprotected(world: World, **changes: Any) -> list[Problem]:
    world.heard.clear()
    world.plan(**changes)
    problems = (event.problem for event in world.heard if isinstance(event, Found))
    return [problem for problem in problems if problem.rule == "unprotected-checksums"]


def test_without_encryption_nothing_vouches_for_the_checksums(world: World) -> None:
    warned = unprotected(world)
    assert len(warned) == 3
    assert {problem.severity for problem in warned} == {Severity.WARNING}
    pinned = answers(lock_of(looked(world)))
    assert unprotected(world, pinned=pinned) == []


def test_the_lock_file_has_the_checksums_and_is_followed(world: World) -> None:
    lock = lock_of(looked(world))
    locked = {one.name: one for product in lock.products if product.product == "kubernetes" for one in product.packages}
    assert {name: one.version for name, one in locked.items()} == INSTALLED
    assert locked["kubelet"].sha256 == digest("kubelet 1.20.2")
    before = asked(world)
    assert world.apply(pinned=answers(lock)).report.result == "ok"
    assert asked(world) == before
    assert drift(lock, looked(world)) == ()
    gone = deepcopy(world)
    gone.scene.repositories[BINARIES].packages["kubelet"] = ("1.20.15",)
    assert f"{BINARIES}: kubelet 1.20.2 does not exist any more" in drift(lock, looked(gone))
    assert "the version lock file has no kubeadm 1.20.15" in messages(
        other(world, kubernetes_version="1.20.15"), pinned=answers(lock)
    )
