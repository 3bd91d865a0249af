"""Kernel modules, kernel settings and swap. A lab machine shares its kernel: what it has loaded stays loaded."""

from __future__ import annotations

import pytest

from provisioner.resources.kernel import Modules, SwapOff, Sysctls
from tests.contract.subject import Subject

MODULES = ("overlay", "br_netfilter")


@pytest.fixture
def loaded(subject: Subject) -> Subject:
    """A machine whose modules are loaded; the real one's are."""
    subject.bring_about(Modules(MODULES))
    return subject


def test_modules_that_are_there_are_seen_and_others_are_missing(loaded: Subject) -> None:
    assert loaded.change(Modules(MODULES)) is None
    missing = loaded.change(Modules(("overlay", "no_such_module")))
    assert missing
    assert missing.summary == "load kernel modules no_such_module"
    (result,) = loaded.run(*missing.commands)
    assert not result.ok
    assert "no_such_module" in result.stderr


def test_settings_are_set_and_set_again(loaded: Subject) -> None:
    want = Sysctls((("net.ipv4.ip_forward", "1"), ("net.bridge.bridge-nf-call-iptables", "1")))
    for name, _ in want.desired:
        loaded.hands.set(name, "0")
    assert loaded.settle(want) == "set net.ipv4.ip_forward=1, net.bridge.bridge-nf-call-iptables=1"
    loaded.hands.set("net.ipv4.ip_forward", "0")
    assert loaded.settle(want) == "set net.ipv4.ip_forward=1"


def test_a_setting_that_the_kernel_does_not_know(subject: Subject) -> None:
    change = subject.change(Sysctls((("net.no.such", "1"),)))
    assert change
    assert change.diff == "-net.no.such = (none)\n+net.no.such = 1\n"
    (result,) = subject.run(*change.commands)
    assert not result.ok


def test_swap_that_a_reboot_would_bring_back_is_seen(subject: Subject) -> None:
    lines = "/dev/vda1 / ext4 defaults 0 1\n# /old none swap sw 0 0\n/swapfile none swap sw 0 0\n"
    before, head = subject.hands.read("/etc/fstab"), subject.hands.head("/etc/fstab")
    subject.hands.put("/etc/fstab", lines, "640")
    change = subject.change(SwapOff())
    assert change
    assert [line for line in change.diff.splitlines() if "fstab" in line] == ["-fstab /swapfile"]
    subject.hands.put("/etc/fstab", before, head.partition(" ")[0] or "644")
