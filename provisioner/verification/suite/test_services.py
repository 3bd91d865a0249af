"""Services: running now, running after a reboot, and answering."""

from __future__ import annotations

from provisioner.inventory.model import Cluster
from provisioner.verification import findings
from provisioner.verification.expect import expect_none
from provisioner.verification.seen import Seen

_KUBELET_PORT = 10250
_KUBELET = "`provisioner apply` starts it; journalctl -u kubelet there shows why it does not run or is not healthy"


def test_container_engine_runs(seen: Seen, cluster: Cluster) -> None:
    """The container engine is running and enabled"""
    names = findings.engine_units(cluster.settings.runtime.type, cluster.settings.kubernetes_version)
    expect_none(text for name in names for text in findings.unit_problems(seen.units, name))


def test_cgroup_driver(seen: Seen, cluster: Cluster) -> None:
    """The container engine uses the systemd cgroup driver, and so do its pods"""
    expect_none(findings.wrong_drivers(seen.cgroup_drivers, cluster.settings.runtime.type))


def test_kubelet_runs(seen: Seen) -> None:
    """The kubelet is running and enabled"""
    expect_none(findings.unit_problems(seen.units, "kubelet.service"), _KUBELET)


def test_kubelet_healthy(seen: Seen) -> None:
    """The kubelet reports that it is healthy"""
    said = repr(seen.healthz) if seen.healthz else "nothing"
    expect_none([] if seen.well else [f"localhost:10248/healthz answers {said}"], _KUBELET)


def test_kubelet_listens(seen: Seen) -> None:
    """The kubelet's port is open"""
    wrong = [] if _KUBELET_PORT in seen.listening else [f"nothing listens on port {_KUBELET_PORT}"]
    expect_none(wrong, _KUBELET)
