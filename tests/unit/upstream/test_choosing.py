"""Which packages and which images a bundle gets, and what is said of those that are not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from provisioner.bundle.common.process import Runner
from provisioner.bundle.upstream import images, packages
from provisioner.bundle.upstream.apt import Apt
from provisioner.bundle.upstream.request import Addresses, Request
from provisioner.errors import UsageError
from provisioner.inventory.values import Version

THERE = {
    "kubeadm": ("1.20.1-1.1", "1.20.2-1.1", "1.20.2-2.1"),
    "kubelet": ("1.20.2-1.1", "1.20.2-2.1"),
    "kubectl": ("1.20.2-1.1", "1.20.2-2.1"),
    "cri-tools": ("1.37.0-1.1", "1.20.0-1.1"),
    "docker-ce": ("5:29.1.0-1~debian.12~bookworm", "5:20.10.24~3-0~debian-bookworm"),
    "docker-ce-cli": ("5:29.1.0-1~debian.12~bookworm", "5:20.10.24~3-0~debian-bookworm"),
    "containerd.io": ("2.2.0-2~debian.12~bookworm", "1.7.28-1"),
}


@dataclass
class Index:
    """apt, as far as it is asked for versions."""

    there: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(THERE))

    def versions(self, name: str) -> tuple[str, ...]:
        return self.there.get(name, ())


@dataclass
class Says:
    """A program's output, instead of running it."""

    output: str

    def read(self, argv: list[str]) -> str:
        return self.output


def want(**other: Any) -> Request:
    return Request(Version(1, 20, 2), addresses=Addresses(kubernetes="http://mirror.example/k8s"), **other)


def test_the_newest_of_what_goes_together_is_chosen() -> None:
    assert packages.choose(want(), cast(Apt, Index())) == {
        "kubeadm": "1.20.2-2.1",
        "kubectl": "1.20.2-2.1",
        "kubelet": "1.20.2-2.1",
        "cri-tools": "1.20.0-1.1",
        "containerd.io": "1.7.28-1",
        "docker-ce": "5:20.10.24~3-0~debian-bookworm",
        "docker-ce-cli": "5:20.10.24~3-0~debian-bookworm",
    }


@pytest.mark.parametrize(
    ("name", "there", "message", "hint"),
    [
        (
            "kubelet",
            ("1.20.1-1.1", "1.20.4-1.1"),
            "http://mirror.example/k8s: there is no kubelet 1.20.2",
            "1.20.1-1.1",
        ),
        ("kubelet", (), "there is no kubelet 1.20.2", "none at all"),
        (
            "docker-ce",
            ("5:29.1.0-1~debian.12~bookworm",),
            "there is no docker-ce that goes with Kubernetes 1.20",
            "5:29.1.0-1~debian.12~bookworm",
        ),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(name: str, there: tuple[str, ...], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        packages.choose(want(), cast(Apt, Index({**THERE, name: there})))
    assert message in caught.value.message
    assert hint in caught.value.hint


def wanted(request: Request, output: str = "") -> tuple[str, ...]:
    return images.wanted(request, Path("kubeadm"), cast(Runner, Says(output)), "amd64")


def test_kubeadm_says_which_images_it_wants() -> None:
    said = "W1121 falling back to the local client version\nk8s.gcr.io/etcd:3.4.13-0\nk8s.gcr.io/coredns:1.7.0\n"
    assert wanted(want(), said) == ("k8s.gcr.io/etcd:3.4.13-0", "k8s.gcr.io/coredns:1.7.0")
    assert wanted(want(without=("coredns",)), said) == ("k8s.gcr.io/etcd:3.4.13-0",)


def test_for_another_architecture_the_catalog_says_so() -> None:
    names = wanted(want(architecture="arm64"))
    assert "k8s.gcr.io/kube-apiserver:v1.20.2" in names
    assert "k8s.gcr.io/coredns:1.7.0" in names
