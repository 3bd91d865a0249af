"""Every resource on a real machine, without a cluster: look, change, look again and find nothing left to do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.core.command import Command, Result, shell
from provisioner.core.facts import look, read_cluster, read_facts, read_state
from provisioner.core.report import ignore
from provisioner.core.resource import Change, Resource
from provisioner.inventory.loader import load
from provisioner.inventory.values import Secret
from provisioner.labs import container
from provisioner.labs.spec import LabSpec
from provisioner.networks.bridge import SCRIPT, UNIT, PodRoutes
from provisioner.playbooks import BRING_UP
from provisioner.resources.files import Absent, File, PrivateCopy
from provisioner.resources.kernel import Modules, SwapOff, Sysctls
from provisioner.resources.packages import PackageDatabase, Packages
from provisioner.resources.services import Service
from provisioner.session import Session, open_session
from provisioner.sources.bundle_access import repository
from provisioner.templating import render
from provisioner.transports.protocol import Transport
from tests import builders
from tests.e2e.conftest import can_run_containers
from tests.e2e.world import provisioner

pytestmark = pytest.mark.e2e

NAME = "e2e-node"
HOST = "cp1"


@dataclass(frozen=True)
class Node:
    """A machine of the lab, spoken to as the engine does."""

    session: Session
    transport: Transport

    def run(self, *commands: Command) -> tuple[Result, ...]:
        return self.transport.run(commands)

    def says(self, script: str) -> str:
        (result,) = self.run(shell(script))
        assert result.ok, result
        return result.stdout.strip()

    def change(self, wish: Resource, *changed: str) -> Change | None:
        (seen,) = self.transport.run([wish.probe()], stop=False)
        assert seen.exit_code in wish.probe().accepts, seen
        return wish.diff(seen, set(changed))

    def settle(self, wish: Resource) -> str:
        """Make it so, twice (each command may be repeated), and find nothing left; returns the summary."""
        change = self.change(wish)
        assert change, f"{wish.key} is as wished already"
        for _ in range(2):
            results = self.run(*change.commands)
            assert [result for result in results if not result.ok] == []
        assert self.change(wish) is None
        return change.summary


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A fresh machine, and the bundle at hand on it."""
    if not can_run_containers():
        pytest.skip("no right to run containers here: the real lab needs root or access to a Docker Engine")
    container.down(NAME, ignore)
    built = provisioner("bundle", "build")
    assert built.code == 0, built
    try:
        lab = container.up(LabSpec(name=NAME, control_planes=1, workers=0), ignore)
        with open_session(load(lab.inventory), ignore) as session:
            fleet = session.run.fleet
            with session.open_bundle(fleet, [HOST]):
                yield Node(session, fleet.transports[HOST])
    finally:
        container.down(NAME, ignore)


def test_no_probe_fails_or_leaves_a_trace_where_nothing_is_there_yet(node: Node) -> None:
    seen = node.run(look(leader=True))[0]
    fresh = builders.view(node.session.cluster, facts={HOST: read_facts(seen)}, bundle=node.session.bundle)
    assert not read_state(seen).joined
    assert read_cluster(seen) is None
    trace = "find /etc /usr /opt /home /root -newer /proc/1 -type f | sort | sha256sum; ls -A /var/lib"
    before = node.says(trace)
    for play in BRING_UP:
        for host in play.hosts(fresh):
            for wish in play.desired(fresh, host):
                node.change(wish)
    assert node.says(trace) == before


def test_a_file_is_made_changed_and_corrected(node: Node) -> None:
    text = "".join(chr(code) for code in range(32, 0x250)) + "\n'\"$(touch /tmp/pwned)`\n\n"
    wish = File("/etc/provisioner-test/deep/a 'file'", text)
    assert node.settle(wish).startswith("create")
    path = shlex.quote(wish.path)
    node.says(f"echo more >>{path}")
    assert node.settle(wish).startswith("change")
    node.says(f"chmod 600 {path}; chown admin {path}")
    assert node.settle(wish) == f"set {wish.path} to 644 root:root (is 600 admin:root)"
    assert node.says("ls -A /etc/provisioner-test/deep; ls /tmp | grep pwned || :") == "a 'file'"


def test_an_empty_file_and_one_without_a_last_line_end(node: Node) -> None:
    for text in ("", "no line end"):
        node.says("rm -f /etc/provisioner-test/odd")
        node.settle(File("/etc/provisioner-test/odd", text))


def test_a_secret_file_is_compared_without_being_read_to_us(node: Node) -> None:
    wish = File("/etc/provisioner-test/key", Secret("hunter2\n", "the key"), mode=0o600)
    node.settle(wish)
    assert node.says("stat -c '%a %U' /etc/provisioner-test/key") == "600 root"
    (seen,) = node.run(wish.probe())
    assert "hunter2" not in seen.stdout
    node.says("echo other >/etc/provisioner-test/key")
    node.settle(wish)
    assert node.says("cat /etc/provisioner-test/key") == "hunter2"


def test_a_file_is_closed_to_others_before_it_has_content(node: Node) -> None:
    """Also where a killed run has left its half open to all."""
    change = node.change(File("/etc/provisioner-test/slow", Secret("x", "x"), mode=0o600))
    assert change
    write = shlex.join(change.commands[0].argv)
    half = "/etc/provisioner-test/.slow.provisioner"
    script = f"umask 022; echo old >{half}; (sleep 2; echo secret) | {write} & sleep 1; stat -c %a {half}; wait"
    assert node.says(script) == "600"
    assert node.says("stat -c %a /etc/provisioner-test/slow; ls -A /etc/provisioner-test | grep -c slow") == "600\n1"


def test_a_file_that_must_not_be_there_goes(node: Node) -> None:
    wish = Absent("/etc/provisioner-test/old")
    assert node.change(wish) is None
    node.says("touch /etc/provisioner-test/old")
    node.settle(wish)


def test_a_private_copy_is_the_user_s_alone(node: Node) -> None:
    wish = PrivateCopy("/etc/provisioner-test/conf", "/home/admin/.test/conf", "admin")
    node.says("echo one >/etc/provisioner-test/conf")
    node.settle(wish)
    assert node.says("cat /home/admin/.test/conf; stat -c '%a %U' /home/admin/.test/conf /home/admin/.test") == (
        "one\n600 admin\n700 admin"
    )
    node.says("echo two >/etc/provisioner-test/conf")
    node.settle(wish)
    node.says("chmod 644 /home/admin/.test/conf")
    node.settle(wish)


def test_kernel_modules_and_settings(node: Node) -> None:
    assert node.change(Modules(("overlay", "br_netfilter"))) is None
    missing = node.change(Modules(("overlay", "no_such_module")))
    assert missing
    assert missing.summary == "load kernel modules no_such_module"
    node.says("sysctl -q -w net.ipv4.ip_forward=0")
    summary = node.settle(Sysctls((("net.ipv4.ip_forward", "1"), ("net.bridge.bridge-nf-call-iptables", "1"))))
    assert summary == "set net.ipv4.ip_forward=1"


def test_swap_that_a_reboot_would_bring_back(node: Node) -> None:
    """The swap of the machine below this one is not ours to switch off: that part of the command is left out."""
    lines = "/dev/vda1 / ext4 defaults 0 1\\n# /old none swap sw 0 0\\n/swapfile none swap sw 0 0\\n"
    node.says(f"cp -p /etc/fstab /etc/fstab.saved; printf '{lines}' >/etc/fstab; chmod 640 /etc/fstab")
    change = node.change(SwapOff())
    assert change
    assert "-fstab /swapfile\n" in change.diff
    (off,) = change.commands
    assert off.argv[2].startswith("swapoff -a; ")
    node.says(off.argv[2].removeprefix("swapoff -a; "))
    assert node.says("cat /etc/fstab; stat -c %a /etc/fstab").splitlines() == [
        "/dev/vda1 / ext4 defaults 0 1",
        "# /old none swap sw 0 0",
        "# /swapfile none swap sw 0 0  # switched off by provisioner",
        "640",
    ]
    assert "fstab" not in node.run(SwapOff().probe())[0].stdout
    node.says("mv /etc/fstab.saved /etc/fstab")


UNIT_FILE = "/etc/systemd/system/provisioner-test.service"
CONFIGURATION = "/etc/provisioner-test/service.conf"
TEST_UNIT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
SERVICE = Service("provisioner-test.service", configuration=(CONFIGURATION,))


def test_a_service_is_enabled_started_and_restarted_when_its_configuration_is_newer(node: Node) -> None:
    node.settle(File(UNIT_FILE, TEST_UNIT))
    node.settle(File(CONFIGURATION, "one\n"))
    node.says("sleep 1")
    assert node.settle(SERVICE) == "enable and start provisioner-test.service"
    first = node.says("systemctl show provisioner-test -p MainPID --value")
    node.says("sleep 1.1")
    node.settle(File(CONFIGURATION, "two\n"))
    assert node.settle(SERVICE) == f"restart provisioner-test.service ({CONFIGURATION} is newer)"
    assert node.says("systemctl show provisioner-test -p MainPID --value") != first


BREAKING: dict[str, tuple[str, str]] = {
    "stopped": ("systemctl stop provisioner-test", "start provisioner-test.service"),
    "disabled": ("systemctl -q disable provisioner-test 2>/dev/null", "enable provisioner-test.service"),
    "killed": ("systemctl kill -s KILL provisioner-test; sleep 1", "start provisioner-test.service"),
    "its unit file changed": (
        f"echo '# changed' >>{UNIT_FILE}",
        "restart provisioner-test.service (its unit file has changed)",
    ),
}


@pytest.mark.parametrize("how", BREAKING)
def test_a_service_is_mended(node: Node, how: str) -> None:
    script, summary = BREAKING[how]
    node.says(script)
    assert node.settle(SERVICE) == summary


def test_a_service_whose_package_is_not_there_is_a_state(node: Node) -> None:
    change = node.change(Service("no-such.service"))
    assert change
    assert change.summary == "enable and start no-such.service"


@pytest.fixture(scope="module")
def packages(node: Node) -> Callable[..., Packages]:
    """A wish for packages of the bundle, whose repository is known to the machine."""
    bundle = node.session.bundle
    assert bundle
    source = repository(node.session.view)
    for file in source.files:
        node.settle(file)

    def wish(*names: str) -> Packages:
        rows = tuple((name, bundle.package_version(name)) for name in names)
        return Packages("test", rows, source.options)

    return wish


def test_packages_come_from_the_bundle_and_are_held(node: Node, packages: Callable[..., Packages]) -> None:
    lists = "ls -A /var/lib/apt/lists | sha256sum"
    before = node.says(lists)
    wish = packages("netbase", "tini")
    assert "tini 0.19" in node.settle(wish)
    assert node.says("apt-mark showhold") == "netbase\ntini"
    assert node.says(lists) == before
    node.says("apt-mark unhold tini")
    assert node.settle(wish) == "hold tini"
    node.says("dpkg --purge --force-hold netbase tini >/dev/null 2>&1; dpkg -l tini 2>/dev/null | grep -c ^ii || :")
    assert node.settle(wish).startswith("install")


def test_a_package_of_another_version_is_replaced_and_held_again(node: Node, packages: Callable[..., Packages]) -> None:
    node.says("""
    mkdir -p /tmp/deb/DEBIAN && cd /tmp
    printf 'Package: tini\\nVersion: 99\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' \\
      >deb/DEBIAN/control
    dpkg-deb --build deb tini.deb >/dev/null; dpkg --force-hold --install tini.deb >/dev/null; apt-mark hold tini
    rm -r /tmp/deb /tmp/tini.deb
    """)
    assert node.settle(packages("netbase", "tini")).startswith("change tini 0.")
    assert node.says("apt-mark showhold") == "netbase\ntini"


def test_an_interrupted_installation_is_finished(node: Node, packages: Callable[..., Packages]) -> None:
    assert node.change(PackageDatabase()) is None
    (download,) = (command for command in _installing(packages("ebtables")) if "install" in command.argv)
    (result,) = node.run(Command((*download.argv, "--download-only"), timeout_s=download.timeout_s))
    assert result.ok, result
    node.says("dpkg --unpack /var/cache/apt/archives/ebtables_*.deb >/dev/null")
    assert node.settle(PackageDatabase()) == "finish the interrupted installation of packages"
    assert node.settle(packages("ebtables")) == "hold ebtables"


def _installing(wish: Packages) -> tuple[Command, ...]:
    change = wish.diff(Result(0), set())
    assert change
    return change.commands


def test_pod_routes_are_set_kept_and_taken_away(node: Node, packages: Callable[..., Packages]) -> None:
    node.settle(packages("iptables"))
    gateway = node.says("ip -4 route show default | awk '{ print $3 }'")
    old, new = (("10.244.1.0/24", gateway), ("10.244.2.0/24", gateway)), (("10.244.2.0/24", gateway),)
    unit = render("network/bridge/pod-network.service.j2", script=SCRIPT)
    service = Service(UNIT, configuration=(SCRIPT,))
    node.settle(File(f"/etc/systemd/system/{UNIT}", unit))
    node.settle(_script(old))
    assert node.change(PodRoutes(old))
    node.settle(service)
    assert node.change(PodRoutes(old)) is None
    node.says(f"ip route add 10.99.0.0/24 via {gateway}; ip route delete 10.244.1.0/24; iptables -F FORWARD")
    change = node.change(PodRoutes(old))
    assert change
    assert change.diff.count("\n") == 3, change.diff
    node.settle(PodRoutes(old))
    node.says("sleep 1.1")
    node.settle(_script(new))
    node.settle(service)
    routes = node.says("ip -4 route show | awk '/via/ && !/default/ { print $1 }'").split()
    assert routes == ["10.99.0.0/24", "10.244.2.0/24"]
    assert node.says("iptables -S FORWARD | grep -c provisioner-pod-network") == "2"


def _script(routes: tuple[tuple[str, str], ...]) -> File:
    text = render("network/bridge/pod-network.sh.j2", pod_cidr="10.244.0.0/16", routes=routes)
    return File(SCRIPT, text, mode=0o755)


def test_a_disk_that_is_full_leaves_the_old_file(node: Node, tmp_path: Path) -> None:
    node.says("mkdir -p /mnt/small; mountpoint -q /mnt/small || mount -t tmpfs -o size=64k tmpfs /mnt/small")
    node.settle(File("/mnt/small/file", "old\n"))
    change = node.change(File("/mnt/small/file", "x" * 200_000))
    assert change
    (result,) = node.run(*change.commands)
    assert not result.ok
    assert "No space left on device" in result.stderr
    assert node.says("cat /mnt/small/file") == "old"
    node.settle(File("/mnt/small/file", "new\n"))
    assert node.says("ls -A /mnt/small; umount /mnt/small") == "file"
