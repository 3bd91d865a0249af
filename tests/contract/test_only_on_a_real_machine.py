"""What a simulated machine cannot show: our scripts against a real kernel, a real disk, a real dpkg."""

from __future__ import annotations

import shlex
from ipaddress import IPv4Address, IPv4Network

import pytest

from provisioner.core.command import Command, shell
from provisioner.inventory.values import Secret
from provisioner.networks.bridge import SCRIPT, UNIT, PodRoutes
from provisioner.resources.files import File
from provisioner.resources.kernel import SwapOff
from provisioner.resources.services import Service
from provisioner.templating import render
from tests.contract.subject import Subject

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("kind", ["a real machine"], indirect=True)]


def says(subject: Subject, script: str) -> str:
    """What a script prints there; it must not fail."""
    (result,) = subject.run(shell(script))
    assert result.ok, result
    return result.stdout.strip()


def commands(subject: Subject, file: File) -> tuple[Command, ...]:
    """What makes the file."""
    change = subject.change(file)
    assert change
    return change.commands


def test_a_file_is_closed_to_others_before_it_has_content(subject: Subject) -> None:
    """Also where a killed run has left its half open to all."""
    (write,) = commands(subject, File("/etc/contract/slow", Secret("x", "x"), mode=0o600))
    half = "/etc/contract/.slow.provisioner"
    slowly = f"(sleep 2; echo secret) | {shlex.join(write.argv)}"
    script = f"umask 022; mkdir -p /etc/contract; echo old >{half}; {slowly} & sleep 1; stat -c %a {half}; wait"
    assert says(subject, script) == "600"
    assert subject.hands.head("/etc/contract/slow") == "600 root:root"
    assert ".slow.provisioner" not in subject.hands.names("/etc/contract")


def test_a_disk_that_is_full_leaves_the_old_file(subject: Subject) -> None:
    says(subject, "mkdir -p /mnt/small; mountpoint -q /mnt/small || mount -t tmpfs -o size=64k tmpfs /mnt/small")
    subject.settle(File("/mnt/small/file", "old\n"))
    (result,) = subject.run(*commands(subject, File("/mnt/small/file", "x" * 200_000)))
    assert not result.ok
    assert "No space left on device" in result.stderr
    assert subject.hands.read("/mnt/small/file") == "old\n"
    subject.settle(File("/mnt/small/file", "new\n"))
    assert says(subject, "ls -A /mnt/small; umount /mnt/small") == "file"


def test_swap_is_taken_out_of_fstab_and_nothing_else(subject: Subject) -> None:
    """The swap of the machine below this one is not ours to switch off: that part of the command is left out."""
    before, head = subject.hands.read("/etc/fstab"), subject.hands.head("/etc/fstab")
    lines = "/dev/vda1 / ext4 defaults 0 1\n# /old none swap sw 0 0\n/swapfile none swap sw 0 0\n"
    subject.hands.put("/etc/fstab", lines, "640")
    change = subject.change(SwapOff())
    assert change
    (off,) = change.commands
    assert off.argv[2].startswith("swapoff -a; ")
    says(subject, off.argv[2].removeprefix("swapoff -a; "))
    assert subject.hands.head("/etc/fstab") == "640 root:root"
    assert subject.hands.read("/etc/fstab").splitlines() == [
        "/dev/vda1 / ext4 defaults 0 1",
        "# /old none swap sw 0 0",
        "# /swapfile none swap sw 0 0  # switched off by provisioner",
    ]
    assert "fstab" not in subject.run(SwapOff().probe())[0].stdout
    subject.hands.put("/etc/fstab", before, head.partition(" ")[0] or "644")


def test_a_package_of_another_version_is_replaced_and_apt_s_own_lists_stay(subject: Subject) -> None:
    lists = says(subject, "ls -A /var/lib/apt/lists | sha256sum")
    says(
        subject,
        """
    mkdir -p /tmp/deb/DEBIAN && cd /tmp
    printf 'Package: tini\\nVersion: 99\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' \\
      >deb/DEBIAN/control
    dpkg-deb --build deb tini.deb >/dev/null; dpkg --force-hold --install tini.deb >/dev/null; apt-mark hold tini
    rm -r /tmp/deb /tmp/tini.deb
    """,
    )
    assert subject.settle(subject.packages("netbase", "tini")).startswith("change tini 0.")
    assert {"netbase", "tini"} <= set(says(subject, "apt-mark showhold").split())
    assert says(subject, "ls -A /var/lib/apt/lists | sha256sum") == lists


def test_pod_routes_are_set_kept_and_taken_away(subject: Subject) -> None:
    subject.bring_about(subject.packages("iptables"))
    gateway = says(subject, "ip -4 route show default | awk '{ print $3 }'")
    via = IPv4Address(gateway.strip())
    new = ((IPv4Network("10.244.2.0/24"), via),)
    old = ((IPv4Network("10.244.1.0/24"), via), *new)
    service = Service(UNIT, configuration=(SCRIPT,))
    subject.settle(File(f"/etc/systemd/system/{UNIT}", render("network/bridge/pod-network.service.j2", script=SCRIPT)))
    subject.settle(_script(old))
    assert subject.change(PodRoutes(old))
    subject.settle(service)
    assert subject.change(PodRoutes(old)) is None
    says(subject, f"ip route add 10.99.0.0/24 via {gateway}; ip route delete 10.244.1.0/24; iptables -F FORWARD")
    change = subject.change(PodRoutes(old))
    assert change
    assert sum("10.244.1.0/24" in line or "FORWARD" in line for line in change.diff.splitlines()) == 3, change.diff
    subject.settle(PodRoutes(old))
    subject.hands.later()
    subject.settle(_script(new))
    subject.settle(service)
    routes = says(subject, "ip -4 route show | awk '/via/ && !/default/ { print $1 }'").split()
    assert routes == ["10.99.0.0/24", "10.244.2.0/24"]
    assert says(subject, "iptables -S FORWARD | grep -c provisioner-pod-network") == "2"
    says(subject, f"systemctl disable -q --now {UNIT}; rm {SCRIPT}; ip route delete 10.99.0.0/24")


def _script(routes: tuple[tuple[IPv4Network, IPv4Address], ...]) -> File:
    networks = {"pod_cidr": "10.244.0.0/16", "service_cidr": "10.96.0.0/12"}
    text = render("network/bridge/pod-network.sh.j2", **networks, routes=routes)
    return File(SCRIPT, text, mode=0o755)
