"""The kernel: what Kubernetes needs from it, now and after a reboot."""

from __future__ import annotations

import pytest

from provisioner.inventory.model import Cluster
from provisioner.verification import findings
from provisioner.verification.expect import expect_none
from provisioner.verification.seen import Seen

# kubernetes.io, "Container Runtimes"; the second one makes the bridge plug-in's traffic pass kube-proxy's rules.
_SETTINGS = ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")
# Where the kernel has no IPv6 the key does not exist.
_IPV6 = "net.bridge.bridge-nf-call-ip6tables"


def _settings(seen: Seen) -> tuple[str, ...]:
    return (*_SETTINGS, _IPV6) if _IPV6 in seen.sysctls else _SETTINGS


def test_modules(seen: Seen) -> None:
    """The kernel has overlay and br_netfilter, now and after a reboot"""
    expect_none(findings.missing_modules(seen))


def test_settings(seen: Seen) -> None:
    """The kernel forwards packets and passes bridged ones to iptables"""
    values = {name: seen.sysctls.get(name, "missing") for name in _settings(seen)}
    expect_none(f"{name} is {value}, not 1" for name, value in values.items() if value != "1")


def test_settings_at_boot(seen: Seen) -> None:
    """The kernel settings are the same after a reboot"""
    values = {name: findings.sysctl_at_boot(seen.sysctl_files, name) for name in _settings(seen)}
    expect_none(
        f"after a reboot {name} will be {value}" if value else f"no file in /etc/sysctl.d sets {name}"
        for name, value in values.items()
        if value != "1"
    )


def test_swap(seen: Seen, cluster: Cluster) -> None:
    """Swap is off, now and after a reboot"""
    if cluster.settings.nested:
        pytest.skip("the hosts are containers: swap belongs to the machine that runs them")
    now = [f"swap is on ({device})" for device in seen.swaps]
    expect_none(now + [f"/etc/fstab turns swap on at boot ({device})" for device in seen.fstab_swaps])
