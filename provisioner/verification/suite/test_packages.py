"""Packages: installed, at the desired version, and held."""

from __future__ import annotations

from provisioner.inventory.model import Cluster
from provisioner.verification import findings
from provisioner.verification.expect import expect_none
from provisioner.verification.seen import Seen


def test_kubernetes_version(seen: Seen, cluster: Cluster) -> None:
    """kubeadm, kubectl and kubelet are installed at the desired version"""
    expect_none(findings.wrong_versions(seen.packages, seen.binaries, cluster.settings.kubernetes_version))


def test_container_engine(seen: Seen, cluster: Cluster) -> None:
    """The container engine is installed"""
    expect_none(findings.no_engine(seen.packages, cluster.settings.runtime.type))


def test_network_plug_ins(seen: Seen) -> None:
    """The network plug-ins are where the kubelet looks for them"""
    missing = sorted(findings.PLUG_INS - seen.plug_ins)
    expect_none([f"/opt/cni/bin lacks {', '.join(missing)}"] if missing else [])


def test_holds(seen: Seen, cluster: Cluster) -> None:
    """The packages are held, so that an upgrade of the host does not replace them"""
    expect_none(findings.not_held(seen.packages, seen.holds, cluster.settings.runtime.type))
