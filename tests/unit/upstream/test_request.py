"""What cannot be had from upstream is found before anything is fetched, with what can."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.bundle.upstream import repositories
from provisioner.bundle.upstream.request import Addresses, Request, check
from provisioner.errors import UsageError
from provisioner.inventory.values import Version

MIRROR = Addresses(kubernetes="http://mirror.example/kubernetes")


def want(version: str = "1.20.2", **other: Any) -> Request:
    return Request(Version.parse(version), **{"addresses": MIRROR, **other})


@pytest.mark.parametrize(
    ("request_", "message", "hint"),
    [
        (want(addresses=Addresses()), "upstream publishes no packages of Kubernetes 1.20", "--kubernetes-url"),
        (want("1.99.0"), "Kubernetes 1.99 is not in the catalog", "1.19 to"),
        (want(distribution="debian/potato"), "debian/potato", "debian/bookworm"),
        (want("1.31.2", runtime="docker"), "cri-dockerd", "--runtime containerd"),
        (want(runtime="podman"), "podman", "containerd"),
        (want(without=("coredns", "etcd")), "a cluster needs etcd", "coredns"),
    ],
)
def test_what_cannot_be(request_: Request, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(request_)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_what_can_be() -> None:
    check(want())
    check(want(without=("coredns",), distribution="ubuntu/noble"))


def test_packages_are_those_that_machines_would_ask_for() -> None:
    wants = want().wants
    assert {want.package for want in wants["kubernetes"]} == {
        "cri-tools",
        "kubeadm",
        "kubectl",
        "kubelet",
        "kubernetes-cni",
    }
    docker = {want.package: want for want in wants["docker"]}
    assert set(docker) == {"containerd.io", "docker-ce", "docker-ce-cli"}
    assert docker["docker-ce"].good("5:20.10.24~3-0~debian-bookworm")
    assert not docker["docker-ce"].good("5:29.0.0-1~debian.12~bookworm")


def test_repositories_are_upstreams_unless_mirrors_are_named() -> None:
    kubernetes, docker = repositories.repositories(want("1.31.2", addresses=Addresses(), distribution="ubuntu/noble"))
    assert kubernetes.uri == "https://pkgs.k8s.io/core:/stable:/v1.31/deb/"
    assert kubernetes.key_url.endswith("/v1.37/deb/Release.key")
    assert (docker.uri, docker.suite) == ("https://download.docker.com/linux/ubuntu", "noble")
    assert repositories.repositories(want())[0].uri == "http://mirror.example/kubernetes/v1.20/deb/"
