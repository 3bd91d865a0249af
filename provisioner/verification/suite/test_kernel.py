"""The kernel: what Kubernetes needs of it, now and after a reboot."""

from __future__ import annotations

import pytest

from provisioner.inventory.model import Cluster
from provisioner.verification import findings
from provisioner.verification.expect import expect_none
from provisioner.verification.seen import Seen

# kubernetes.io, "Container Runtimes"; the bridge plug-in's traffic passes kube-proxy's rules by the latter.
_SETTINGS = ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")
# Where the kernel has no IPv6 the key does not exist.
_IPV6 = "net.bridge.bridge-nf-call-ip6tables"


def _settings(seen: Seen) -> tuple[str, ...]:
    return (*_SETTINGS, _IPV6) if _IPV6 in seen.sysctls else _SETTINGS


def test_modules(seen: Seen) -> None:
    """The kernel has overlay and br_netfilter, now and after a reboot"""
    expect_none(findings.missing_modules(seen))


def test_settings(seen: Seen) -> None:
    """The kernel forwards packets and shows bridged ones to iptables"""
    values = {name: seen.sysctls.get(name, "missing") for name in _settings(seen)}
    expect_none(f"{name} is {value}, not 1" for name, value in values.items() if value != "1")


def test_settings_at_boot(seen: Seen) -> None:
    """The kernel will do so after a reboot too"""
    values = {name: findings.sysctl_at_boot(seen.sysctl_files, name) for name in _settings(seen)}
    expect_none(
        f"after a reboot {name} will be {value}" if value else f"no file in /etc/sysctl.d sets {name}"
        for name, value in values.items()
        if value != "1"
    )


def test_swap(seen: Seen, cluster: Cluster) -> None:
    """Swap is off, now and after a reboot"""
    if cluster.settings.nested:
        pytest.skip("the machines are containers: swap belongs to their host")
    now = [f"{device} is swapped on" for device in seen.swaps]
    expect_none(now + [f"/etc/fstab will swap {device} on" for device in seen.fstab_swaps])
