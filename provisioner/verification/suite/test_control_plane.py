"""Control planes: every component exists, listens and answers."""

from __future__ import annotations

import pytest

from provisioner.verification import findings
from provisioner.verification.expect import expect_none
from provisioner.verification.seen import Seen

pytestmark = pytest.mark.control_plane

# kubernetes.io, "Ports and Protocols": API server, etcd's clients and peers, controller manager, scheduler.
_PORTS = (6443, 2379, 2380, 10257, 10259)
_PARTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_FILES = (
    *(f"/etc/kubernetes/{name}.conf" for name in ("admin", "controller-manager", "scheduler")),
    *(f"/etc/kubernetes/pki/{name}" for name in ("ca.key", "apiserver.crt", "apiserver.key", "sa.key", "sa.pub")),
    "/var/lib/etcd/member",
)
# `apply` creates a cluster once and never again: the second one would be another cluster.
_RESTORE = (
    "restore it from a backup; `kubeadm init phase --help` lists what kubeadm can make again without touching the rest"
)
_CONTAINERS = (
    "`crictl ps -a` or `docker ps -a` there shows the component's container, `crictl logs` or `docker logs` its log"
)


def test_manifests(seen: Seen) -> None:
    """The static pods' manifests exist"""
    expect_none(findings.absent(seen.files, (f"/etc/kubernetes/manifests/{part}.yaml" for part in _PARTS)), _RESTORE)


def test_keys(seen: Seen) -> None:
    """The cluster's keys, kubeconfigs and data exist"""
    expect_none(findings.absent(seen.files, _FILES), _RESTORE)


def test_ports(seen: Seen) -> None:
    """API server, etcd, controller manager and scheduler listen"""
    closed = [str(port) for port in _PORTS if port not in seen.listening]
    expect_none([f"nothing listens on port {', '.join(closed)}"] if closed else [], _CONTAINERS)


def test_api_server(seen: Seen) -> None:
    """The host's own API server is ready, and admin.conf gives access to it"""
    said = seen.readyz.splitlines()[-1] if seen.readyz else "nothing"
    expect_none([] if seen.readyz == "ok" else [f"/readyz answers {said}"], _CONTAINERS)
