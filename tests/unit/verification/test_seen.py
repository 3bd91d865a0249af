from __future__ import annotations

import pytest

from provisioner.verification.seen import (
    Decided,
    Inode,
    Route,
    Seen,
    Unit,
    decided,
    fstab_swaps,
    pod_prefix,
    read,
    units,
    with_paths,
)
from tests.unit.verification.conftest import recorded


def test_a_real_worker_is_understood(worker: Seen) -> None:
    assert worker.hostname == "w1"
    assert worker.is_root
    assert worker.well
    assert worker.packages["kubelet"] == "1.20.2-1.1"
    assert "docker-ce" not in worker.packages
    assert worker.binaries == {}
    assert "kubectl" in worker.holds
    assert worker.units["kubelet.service"] == Unit("active/running", "enabled")
    assert worker.cgroup_drivers == (("docker", "systemd"), ("containerd", "cgroupfs"), ("pods", "systemd"))
    assert worker.sysctls["net.ipv4.ip_forward"] == "1"
    assert 10250 in worker.listening
    assert worker.files["/etc/kubernetes/kubelet.conf"] == Inode(0o600, "root:root", "f")
    assert "/etc/kubernetes/pki/ca.crt" in worker.certificates
    assert Route("10.244.0.0/24", "10.213.0.11") in worker.routes
    assert "10.244.1.0/24" in worker.cni_files["/etc/cni/net.d/10-bridge.conflist"]
    assert "docker.service" in worker.enabled
    assert worker.modules_at_boot >= {"overlay", "br_netfilter"}
    assert not worker.readyz
    assert worker.decided == Decided("eth0", "10.213.0.129/24", 1500)
    assert ("eth0", "10.213.0.129/24") in worker.addresses
    assert worker.packet_bytes["eth0"] == 1500


def test_a_real_control_plane_is_understood(control_plane: Seen) -> None:
    assert control_plane.readyz == "ok"
    assert control_plane.listening >= {6443, 2379, 10250}
    assert "/etc/kubernetes/admin.conf" in control_plane.certificates


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"interface": "eth0"}', '{"interface": "e", "address": "a", "mtu": ""}']
)
def test_a_record_that_is_none(text: str) -> None:
    assert decided(text) is None


def test_nothing_secret_is_looked_at() -> None:
    assert "PRIVATE KEY" not in recorded("control-plane.txt") + recorded("worker.txt")


@pytest.mark.parametrize("length", [0, 200, 1500])
def test_an_answer_that_broke_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="is incomplete"):
        read(recorded("worker.txt")[:length], "SEPARATOR")


def test_a_machine_with_nothing_on_it_is_understood() -> None:
    names = "clock user hostname packages programs holds units cgroup-drivers sysctls sysctl-files modules"
    names += " filesystems module-files swaps fstab listening files certificates healthz readyz plug-ins cni"
    names += " routes addresses packet-sizes network-record enabled route-files unit-files end"
    bodies = {"clock": "1.5\n", "user": "1000\n"}
    seen = read("".join(f"\nX {name}\n{bodies.get(name, '')}" for name in names.split()), "X")
    assert (seen.clock_s, seen.is_root, seen.packages, seen.units, seen.routes) == (1.5, False, {}, {}, ())


@pytest.mark.parametrize(
    ("cidr", "prefix"), [("10.244.0.0/16", "10.244."), ("10.128.0.0/9", "10."), ("10.1.2.0/24", "10.1.2.")]
)
def test_how_pods_addresses_begin(cidr: str, prefix: str) -> None:
    assert pod_prefix(cidr) == prefix


def test_a_unit_that_does_not_exist_is_left_out() -> None:
    assert units("Id=kubelet.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n") == {}


def test_only_active_lines_of_fstab_count() -> None:
    lines = ("# /dev/sdb none swap sw 0 0", "/dev/sda1 / ext4 defaults 0 1", "/swap.img none swap sw 0 0", "bad")
    assert fstab_swaps(lines) == ("/swap.img",)


def test_lines_with_paths() -> None:
    assert with_paths(("/a.conf:x = 1:2", "no path")) == (("/a.conf", "x = 1:2"),)
