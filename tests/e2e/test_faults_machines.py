"""Machines, packages and bundles that are not as they should be: found before the first change, or said where it fails.

`w3` meets every obstacle on its way to a node; `w1` and `w2` are nodes that something happens to.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.bundle.common.machine import default_cache
from provisioner.bundle.debian.build import build
from tests.conftest import Tally
from tests.e2e.faults import (
    NODE_PATHS,
    applied,
    damaged,
    failed,
    node_conditions,
    refused,
    settings,
    without,
    workers,
)
from tests.e2e.running import Running
from tests.e2e.world import World, provisioner

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("counted_fault")]

# A Debian package of nothing, at version 0.1.
CONTROL = r"Package: NAME\nVersion: 0.1\nArchitecture: all\nMaintainer: test\nDescription: test\n"
PACKAGE = f"mkdir -p /root/NAME/DEBIAN; chmod 755 /root/NAME/DEBIAN; printf '{CONTROL}' >/root/NAME/DEBIAN/control\n"
BUILD = "dpkg-deb -b /root/NAME /root/NAME.deb >/dev/null\n"
# Takes dpkg's lock as dpkg does, under another program's name.
HOLD_LOCK = """
cat >/root/hold <<'END'
use Fcntl;
$0 = "unattended-upgr";
open(my $file, ">", "/var/lib/dpkg/lock-frontend") or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die "$!";
sleep 600;
END
systemd-run --quiet --collect --unit=upgrades --property=RuntimeMaxSec=SECONDS perl /root/hold; sleep 1
"""


def test_what_is_wrong_with_a_machine_is_said_all_at_once(grown: World, tally: Tally) -> None:
    """Another distribution, a clock that is off, a clone's ids, a taken port: one run, every finding, no change."""
    mac = grown.shell("w1", "cat /sys/class/net/eth0/address").strip()
    damage = f"""
    cp -L /etc/os-release /root/os-release; sed -i 's/^ID=.*/ID=fedora/' /usr/lib/os-release
    printf '#!/bin/sh\\nexec /bin/date -d "now + 300 seconds" "$@"\\n' >/usr/local/sbin/date
    chmod 755 /usr/local/sbin/date
    cp /etc/machine-id /root/machine-id; echo {grown.shell("w1", "cat /etc/machine-id").strip()} >/etc/machine-id
    hostname w1
    ip link add clone type veth peer name other; ip link set clone address {mac} up; ip addr add 192.0.2.3/24 dev clone
    systemd-run --quiet --unit=squatter systemd-socket-activate -l 10250 /bin/cat; sleep 1
    """
    repair = """
    cp /root/os-release /usr/lib/os-release; rm /root/os-release /usr/local/sbin/date
    cp /root/machine-id /etc/machine-id; rm /root/machine-id; hostname w3; ip link del clone; systemctl stop squatter
    """
    document = without(grown, "w4")
    workers(document)["w3"]["node_ip"] = "192.0.2.3"
    clone = ("w1, w3", "same machine-id", "same hostname w1", f"same MAC {mac}")
    with damaged(grown, "w3", damage, repair):
        refused(grown, document, 3, "fedora", "clock", "s ahead of this machine's", *clone, "port 10250 is taken")
    tally("faults tried", 5)
    assert grown.shell("w3", NODE_PATHS) == ""


def linked_bundle(directory: Path) -> Path:
    """A bundle of its own, whose files are those of the cache: to change one, it has to be replaced."""
    copy = directory / "bundle"
    shutil.copytree(build(default_cache()), copy, copy_function=os.link)
    return copy


def replace(path: Path, content: bytes) -> None:
    """Another file in its place."""
    path.unlink()
    path.write_bytes(content)


def test_a_damaged_bundle(grown: World, tmp_path: Path) -> None:
    bundle = linked_bundle(tmp_path)
    package = next((bundle / "apt").glob("kubelet_*.deb"))
    replace(package, package.read_bytes()[:-1] + b"x")
    document = without(grown, "w4")
    settings(document)["package_source"] = {"type": "bundle", "path": str(bundle)}
    refused(grown, document, 3, package.name, "SHA-256")
    assert grown.shell("w3", NODE_PATHS) == ""
    assert provisioner("bundle", "verify", str(bundle)).code == 3


def test_a_bundle_that_lacks_an_image(grown: World, tmp_path: Path) -> None:
    bundle = linked_bundle(tmp_path)
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest["contents"] = [content for content in manifest["contents"] if "kube-proxy" not in content["name"]]
    replace(bundle / "bundle.json", json.dumps(manifest).encode())
    document = without(grown, "w4")
    settings(document)["package_source"] = {"type": "bundle", "path": str(bundle)}
    refused(grown, document, 3, "kube-proxy", "not in the bundle", "provisioner bundle")
    assert grown.shell("w3", NODE_PATHS) == ""


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, ("404", "does not have that file")),
        (lambda path: replace(path, path.read_bytes()[:-1] + b"x"), ("does not match its checksum", "bundle verify")),
    ],
    ids=["a package is gone", "a package is damaged"],
)
def test_a_bundle_that_changes_after_it_was_checked(
    grown: World, tmp_path: Path, spoil: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    """apt on the machine checks what arrives; the machines that are not affected go on."""
    bundle = linked_bundle(tmp_path)
    document = without(grown, "w4")
    settings(document)["package_source"] = {"type": "bundle", "path": str(bundle)}
    # What is no node yet comes first: w3 has a step before its packages, whatever was tried before.
    for machine in ("w1", "w3"):
        grown.shell(machine, "rm -f /etc/sysctl.d/99-provisioner.conf")
    with grown.other_inventory(document) as path, Running("apply", path) as run:
        run.until(lambda event: event.get("event") == "phase_began" and event["title"] == "machine")
        spoil(next((bundle / "apt").glob("docker.io_*.deb")))
        said = run.ended()
    assert said.code == 5, said
    assert all(word in said.stdout for word in words), said
    assert [name for name, told in said.report["hosts"].items() if "failed" in told] == ["w3"], said
    assert ("w1", "create /etc/sysctl.d/99-provisioner.conf (0644)") in said.changed, said


def test_ctrl_c_in_the_middle_of_a_step(grown: World) -> None:
    """The run lock is released, the report says how many steps are left where, and the next run waits for the rest."""
    document = without(grown, "w4")
    with grown.other_inventory(document) as path, Running("apply", path) as run:
        run.step("w3", "install ")
        time.sleep(1)
        run.interrupt()
        said = run.ended(60)
        assert said.code == 130, said
        assert said.report["result"] == "interrupted", said
        assert said.report["hosts"]["w3"]["left"] > 0, said
        assert "Traceback" not in said.stdout, said
        assert grown.shell("cp1", "ls /var/lib/provisioner/lock 2>/dev/null || :") == ""
        again = provisioner("apply", "-i", str(path), "--json", "--only", "machine", "--only", "container-runtime")
    assert again.code == 0, again


def test_a_held_package_that_has_to_change(grown: World) -> None:
    """It is changed, which the plan says, and held again; nothing else of that name is left."""
    make = (PACKAGE + BUILD).replace("NAME", "socat")
    grown.shell("w3", f"{make} dpkg -i /root/socat.deb; apt-mark hold socat")
    document = without(grown, "w4")
    with grown.other_inventory(document) as path:
        plan = provisioner("plan", "-i", str(path), "--json")
        (step,) = [e for e in plan.events if e.get("host") == "w3" and "socat" in e.get("summary", "")]
        assert "-socat 0.1\n" in step["diff"], plan
        done = provisioner("apply", "-i", str(path), "--json", "--only", "kubernetes-packages")
    assert done.code == 0, done
    now = grown.shell("w3", "apt-mark showhold | grep -x socat; dpkg-query -W -f '${Version}' socat")
    assert now.startswith("socat\n1."), now


def test_a_package_that_was_half_configured(grown: World) -> None:
    script = r"printf '#!/bin/sh\n[ -e /root/again ] || { touch /root/again; exit 1; }\n' >/root/NAME/DEBIAN/postinst"
    make = f"{PACKAGE}{script}; chmod 755 /root/NAME/DEBIAN/postinst; {BUILD}".replace("NAME", "stumbles")
    install = f"{make} dpkg -i /root/stumbles.deb >/dev/null 2>&1 || :"
    with damaged(grown, "w1", install, "dpkg -P stumbles; rm -r /root/stumbles* /root/again"):
        assert grown.shell("w1", "dpkg-query -W -f '${db:Status-Abbrev}' stumbles") == "iF "
        done = applied(grown, without(grown, "w3", "w4"))
        assert done.changed == [("w1", "finish the interrupted installation of packages")], done
        assert grown.shell("w1", "dpkg-query -W -f '${db:Status-Abbrev}' stumbles") == "ii "


def test_packages_that_another_program_is_working_on(grown: World) -> None:
    """It is waited for, under its own name, and with a deadline (seen in the unit tests)."""
    grown.shell("w2", "apt-mark unhold kubelet" + HOLD_LOCK.replace("SECONDS", "20"))
    with grown.other_inventory(without(grown, "w3", "w4")) as path:
        done = provisioner("apply", "-i", str(path), "--json")
    assert done.code == 0, done
    (step,) = [event for event in done.events if event.get("outcome") == "changed"]
    assert "wait for unattended-upgr (process " in step["title"], done
    assert "hold kubelet" in step["title"], done
    assert step["seconds"] > 3, done


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "mount -t tmpfs -o size=8k tmpfs /etc/docker; cp /root/docker/* /etc/docker;"
            "dd if=/dev/zero of=/etc/docker/filler bs=1k 2>/dev/null || :",
            ("No space left on device", "The disk is full", "df -h"),
        ),
        (
            "mount --bind /etc/docker /etc/docker; mount -o remount,ro,bind /etc/docker",
            ("Read-only file system", "mounted read-only", "dmesg"),
        ),
    ],
    ids=["the disk is full", "the disk is read-only"],
)
def test_a_file_that_cannot_be_written(grown: World, damage: str, words: tuple[str, ...]) -> None:
    """The machine that failed is named, the file there is the old one, and no other node is begun."""
    document = without(grown, "w3", "w4")
    size = f"{70 + len(words[0])}m"
    settings(document)["runtime"] = {"type": "docker", "log_max_size": size}
    before = grown.shell("w1", "rm -rf /root/docker; cp -r /etc/docker /root/docker; cat /etc/docker/daemon.json")
    with damaged(grown, "w1", damage, "umount /etc/docker"):
        said = failed(grown, document, 5, "w1", *words)
        assert grown.shell("w1", "cat /etc/docker/daemon.json") == before
    assert size not in grown.shell("w2", "cat /etc/docker/daemon.json")
    assert "w1 is not converged" in said.stdout, said
    assert "not begun, because w1 failed" in said.stdout, said
    applied(grown, document)


def test_a_configuration_that_was_made_by_hand(grown: World) -> None:
    """The kubelet dies of another cgroup driver than Docker's; back as it was, the node is Ready again."""
    by_hand = """
    echo '{"exec-opts": ["native.cgroupdriver=cgroupfs"], "live-restore": true}' >/etc/docker/daemon.json
    systemctl restart docker; systemctl restart kubelet
    """
    grown.shell("w1", by_hand)
    said = applied(grown, without(grown, "w3", "w4"))
    assert ("w1", "change /etc/docker/daemon.json") in said.changed, said
    assert grown.shell("w1", "docker info --format '{{.CgroupDriver}}'") == "systemd\n"
    assert node_conditions(grown)["w1"] == "True"
