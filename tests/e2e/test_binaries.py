"""Kubernetes' binaries without packages, from files with checksums as dl.k8s.io has them: what is in the way is found
before anything is touched, a run that was killed goes on, and a cluster comes of it that is verified.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from io import BytesIO

import pytest

from provisioner.bundle.common.machine import machine_architecture
from provisioner.catalog import binaries
from provisioner.core.command import Result
from provisioner.resources.containerd import CONTAINERD_IMAGES
from provisioner.resources.images import PinnedImage
from tests.conftest import Tally
from tests.e2e.ground import PACKAGES_ONLY, Ground, Settings, ground
from tests.e2e.world import ENVIRONMENT, PROGRAM, Said, provisioner
from tests.patience import LONGEST_S
from tests.repositories.binaries import (
    CRICTL_PLACE,
    OTHER_PLUG_INS,
    OTHER_VERSION,
    PLACE,
    PLUG_INS,
    PLUG_INS_PLACE,
    VERSION,
    publish_binaries,
)
from tests.repositories.distribution import packages_of
from tests.repositories.registry import Registry, serving_images, small_image
from tests.repositories.server import Answer, Handler, damage, give, refuse
from tests.repositories.site import Site

pytestmark = pytest.mark.e2e

CASES = "package source cases tried"
NAMES = ("kubeadm", "kubectl", "kubelet")
FILES = "find /usr/bin/kube* /opt/cni /var/lib/provisioner/programs /etc/systemd -type f 2>/dev/null | sort; dpkg -l"


@pytest.fixture(scope="module")
def here(site: Site) -> Iterator[Ground]:
    """One control plane and one worker, fresh."""
    publish_binaries(site.directory, packages_of("bookworm"))
    with ground("e2e-programs", site, workers=1) as made:
        yield made


def source(here: Ground, **changes: str) -> Settings:
    places = {"url": PLACE, "cni_url": PLUG_INS_PLACE, "crictl_url": CRICTL_PLACE}
    urls = {name: f"{here.server.address}/{place}" for name, place in places.items()}
    return {"package_source": {"type": "binaries", **urls, "cni_version": PLUG_INS, **changes}}


def versions(here: Ground, machine: str) -> dict[str, str]:
    notes = here.world.shell(machine, "head -qn 1 /var/lib/provisioner/programs/* 2>/dev/null || :")
    return dict(line.split()[:2] for line in notes.splitlines())


def checksum(here: Ground, name: str, version: str = VERSION) -> str:
    (file,) = (here.site.directory / PLACE / "release" / f"v{version}" / "bin").glob(f"linux/*/{name}.sha256")
    return file.read_text()


def refused(here: Ground, *words: str, version: str = VERSION, **changes: str) -> None:
    before = here.world.shell("cp1", FILES)
    said = here.packages("apply", kubernetes_version=version, images="registry", **source(here, **changes))
    assert said.code == 3, said
    for word in words:
        assert word in said.stdout
    assert here.world.shell("cp1", FILES) == before


def test_a_version_that_is_not_there(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    refused(
        here, f"has no kubeadm 1.20.9, kubectl 1.20.9, kubelet 1.20.9; it has kubeadm {OTHER_VERSION}", version="1.20.9"
    )


@pytest.mark.parametrize(
    ("pattern", "answer", "words"),
    [
        (f"{PLACE}/*", refuse(HTTPStatus.FORBIDDEN), "403"),
        (f"{PLACE}/*/kubelet.sha256", give(b"<html>log in</html>"), "kubelet.sha256: what is there is no SHA-256"),
        (f"{PLUG_INS_PLACE}/*", refuse(HTTPStatus.NOT_FOUND), "cni-plugins-linux-"),
    ],
    ids=["forbidden", "no checksum", "no plug-ins"],
)
def test_a_source_that_cannot_be_used(here: Ground, pattern: str, answer: Answer, words: str, tally: Tally) -> None:
    tally(CASES, 1)
    with here.server.answering(pattern, answer):
        refused(here, words)


def test_a_source_that_does_not_answer(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    refused(here, "source-silent", url=here.server.address.rpartition(":")[0] + ":1")


def test_an_architecture_that_has_no_programs(here: Ground, tally: Tally) -> None:
    """Only another architecture has them: on the server this machine's files are missing."""
    tally(CASES, 1)
    there = give(checksum(here, "kubelet").encode())
    cpu = here.world.shell("cp1", "dpkg --print-architecture").strip()
    with (
        here.server.answering(f"{PLACE}/release/v{VERSION}/*", there),
        here.server.answering(f"{PLACE}/release/v{VERSION}/bin/linux/{cpu}/*", refuse(HTTPStatus.NOT_FOUND)),
    ):
        refused(here, "no-packages", f"has none of the binaries for {cpu}")


def test_what_arrives_damaged_is_not_installed(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    with here.server.answering(f"{PLACE}/*/kubeadm", damage):
        failed = here.packages("apply", "--limit", "cp1", **source(here))
    assert failed.code == 5, failed
    assert here.world.shell("cp1", "ls /usr/bin/kube* /usr/bin/.kube* 2>/dev/null || :") == ""


def test_packages_make_room_for_another_version(here: Ground, tally: Tally) -> None:
    """It comes down again when the cluster is made."""
    tally(CASES, 1)
    packages = here.packages("apply", "--limit", "w1")
    assert packages.code == 0, packages
    desired: Settings = {"kubernetes_version": OTHER_VERSION, "images": "registry", **source(here)}
    done = here.packages("apply", "--limit", "w1", **desired)
    assert done.code == 0, done
    assert {versions(here, "w1")[name] for name in NAMES} == {OTHER_VERSION}
    assert here.world.shell("w1", "sha256sum </usr/bin/kubelet").split()[0] == checksum(here, "kubelet", OTHER_VERSION)
    assert "kubelet" not in here.held("w1")
    again = here.packages("apply", "--limit", "w1", **desired)
    assert (again.code, again.changed) == (0, []), again


def test_a_run_that_is_killed_while_it_fetches_goes_on_to_a_cluster(here: Ground, tally: Tally) -> None:
    """The worker has other versions, which come down again; all of it is verified."""
    tally(CASES, 1)
    path = here.inventory(**source(here))
    gate = Gate()
    with here.server.answering(f"{PLACE}/*/kubelet", gate):
        run = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "apply", "-i", str(path), "--json", *PACKAGES_ONLY],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert gate.reached.wait(LONGEST_S)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        gate.open.set()
    done = provisioner("apply", "-i", str(path), "--json")
    assert done.code == 0, done
    verified = provisioner("verify", "-i", str(path), "--json")
    assert verified.code == 0, verified
    for machine in here.world.machines:
        assert {versions(here, machine)[name] for name in NAMES} == {VERSION}
        assert here.world.shell(machine, "sha256sum </usr/bin/kubelet").split()[0] == checksum(here, "kubelet")
    nodes = json.loads(here.world.kubectl("get", "nodes", "-o", "json"))["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {f"v{VERSION}"}


def test_a_second_run_changes_nothing_and_asks_no_server(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    here.server.asked.clear()
    again = _apply(here)
    assert (again.code, again.report["changed"]) == (0, 0), again
    assert here.server.asked == []


def test_what_differs_on_a_running_node_comes_back(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    here.world.shell(
        "w1", "cp /usr/bin/kubelet /tmp/x; echo x >>/tmp/x; mv /tmp/x /usr/bin/kubelet; rm /opt/cni/bin/bridge"
    )
    done = _apply(here, cni_version=OTHER_PLUG_INS)
    assert done.code == 0, done
    assert ("w1", f"restore kubelet {VERSION}") in done.changed
    assert ("w1", f"change kubernetes-cni {OTHER_PLUG_INS}") in done.changed
    assert any(title.startswith("restart kubelet.service") for machine, title in done.changed if machine == "w1")
    back = _apply(here)
    assert back.code == 0, back
    assert versions(here, "w1")["kubernetes-cni"] == PLUG_INS


def test_checksums_are_written_down_and_followed(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    path = here.inventory("programs.yaml", **source(here))
    locked = provisioner("lock", "-i", str(path), "--json")
    assert locked.code == 0, locked
    written = json.loads(path.with_name("programs.versions.lock").read_text())
    (product,) = (one for one in written["products"] if one["product"] == "kubernetes")
    hashes = {one["name"]: one["sha256"] for one in product["packages"]}
    assert {name: hashes[name] for name in NAMES} == {name: checksum(here, name) for name in NAMES}
    again = provisioner("apply", "-i", str(path), "--json")
    assert (again.code, again.report["changed"]) == (0, 0), again
    with here.server.answering(f"{PLACE}/*/kubelet.sha256", give(b"0" * 64)):
        drift = provisioner("lock", "--check", "-i", str(path), "--json")
    assert drift.code == 10, drift
    assert f"kubelet {VERSION} is a different file now" in drift.stdout


def _apply(here: Ground, **changes: str) -> Said:
    return provisioner("apply", "-i", str(here.inventory(**source(here, **changes))), "--json")


NAMED = ("kube-apiserver:v1.20.2", "kube-controller-manager:v1.20.2", "kube-scheduler:v1.20.2", "kube-proxy:v1.20.2")
IMAGES = (*NAMED, "etcd:3.4.13-0", "pause:3.2", "coredns:1.7.0")


@pytest.fixture
def registry(here: Ground) -> Iterator[Registry]:
    """One of this machine's own, which the nodes reach at the same address: no certificate is requested there."""
    images, cpu = Registry(), binaries.architecture(machine_architecture())
    gateway = here.server.address.removeprefix("http://").partition(":")[0]
    with serving_images(images, gateway), ExitStack() as stack:
        elsewhere = images.address.removeprefix("http://")
        stack.enter_context(serving_images(images))
        place = images.address.removeprefix("http://")
        for name in IMAGES:
            images.add(f"{place}/{name}", *small_image(cpu, name.encode()), cpu)
        listen = f"TCP-LISTEN:{place.rpartition(':')[2]},bind=127.0.0.1,fork"
        for machine in here.world.machines:
            here.world.shell(machine, f"systemd-run --quiet --unit forward socat {listen} TCP:{elsewhere}")
        yield images
        for machine in here.world.machines:
            here.world.shell(machine, "systemctl stop forward")


def test_images_come_by_the_digest_that_was_written_down(here: Ground, registry: Registry, tally: Tally) -> None:
    """Whatever their names lead to meanwhile."""
    tally(CASES, 1)
    place = registry.address.removeprefix("http://")
    path = here.inventory("images.yaml", **source(here), images="registry", image_repository=place)
    locked = provisioner("lock", "-i", str(path), "--json")
    assert locked.code == 0, locked
    written = json.loads(path.with_name("images.versions.lock").read_text())["images"]
    assert {one["name"]: one["digest"] for one in written} == {
        f"{place}/{name}": f"sha256:{digest}" for name, digest in registry.named.items()
    }
    apply = ("apply", "-i", str(path), "--json", *PACKAGES_ONLY)
    done = provisioner(*apply)
    assert done.code == 0, done
    pause, digest = f"{place}/pause:3.2", registry.named["pause:3.2"]
    told = f"docker image inspect --format '{{{{.RepoDigests}}}}' {pause}"
    assert f"@sha256:{digest}" in here.world.shell("w1", told)
    cpu = binaries.architecture(machine_architecture())
    registry.add(pause, *small_image(cpu, b"another one"), cpu)
    here.world.shell("w1", f"docker image rm --force $(docker image inspect --format '{{{{.Id}}}}' {pause})")
    again = provisioner(*apply)
    assert again.changed == [("w1", f"pull image {pause} by digest")], again
    assert f"@sha256:{digest}" in here.world.shell("w1", told)
    drift = provisioner("lock", "--check", "-i", str(path), "--json")
    assert drift.code == 10, drift
    assert f"image {pause} has another digest now" in drift.stdout
    # containerd is installed too, below Docker: its own questions and settings are tested elsewhere.
    here.world.shell("w1", f"set -- {pause} {place}/pause@sha256:{digest}\n{CONTAINERD_IMAGES.pull}")
    assert CONTAINERD_IMAGES.digests
    seen = Result(0, here.world.shell("w1", CONTAINERD_IMAGES.digests.argv[2]))
    assert PinnedImage(pause, f"sha256:{digest}", CONTAINERD_IMAGES).diff(seen, set()) is None
    assert PinnedImage(pause, "sha256:other", CONTAINERD_IMAGES).diff(seen, set())


class Gate:
    """No client gets the file before this gate is opened."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, handler: Handler) -> BytesIO | None:
        """Note that a client has come, and wait."""
        self.reached.set()
        self.open.wait(LONGEST_S)
        return damage(handler)
