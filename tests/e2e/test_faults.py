"""What goes wrong for people, on real machines: each a clear error, the right exit code, and nothing half-done.

Two more machines join the lab here: `w3` meets every obstacle before it becomes a node, `w4` forbids forwarding.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from provisioner.bundle.debian.build import build, default_cache
from tests.e2e.conftest import FINGERPRINT
from tests.e2e.world import ENVIRONMENT, PROGRAM, Said, World, provisioner

pytestmark = pytest.mark.e2e

NODE_PATHS = "ls /etc/docker /etc/provisioner /etc/kubernetes 2>/dev/null || :"


@pytest.fixture(scope="module")
def grown(lab: World) -> World:
    """The lab with two more machines that are not nodes yet."""
    up = provisioner("lab", "up", "--name", lab.name, "--workers", "4", "--machines-only", "--json")
    assert up.code == 0, up
    return lab


def workers(document: dict[str, Any]) -> dict[str, Any]:
    """The workers' entries of an inventory."""
    hosts: dict[str, Any] = document["all"]["children"]["workers"]["hosts"]
    return hosts


def without(world: World, *names: str) -> dict[str, Any]:
    """The inventory without these workers."""
    document = world.document()
    for name in names:
        del workers(document)[name]
    return document


def refused(world: World, document: dict[str, Any], code: int, *words: str) -> Said:
    """Apply is refused with this code and these words, on one screen, and nothing was done anywhere."""
    with world.other_inventory(document) as path:
        said = provisioner("apply", "-i", str(path))
    assert said.code == code, said
    text = " ".join(said.stderr.split())
    for word in words:
        assert word in text, said
    assert len(said.stderr.splitlines()) < 40, said
    assert "step(s) done" not in said.stdout
    assert "Traceback" not in said.stderr
    return said


def test_a_machine_that_does_not_answer_stops_the_run_before_any_change(grown: World) -> None:
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_host"] = workers(document)["w3"]["ansible_host"].rpartition(".")[0] + ".250"
    document["all"]["vars"]["cluster"]["ssh"]["connect_timeout_s"] = 3
    before = grown.shell("w3", FINGERPRINT)
    refused(grown, document, 4, "w3", "→")
    assert grown.shell("w3", FINGERPRINT) == before


def test_a_port_where_nothing_listens(grown: World) -> None:
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_port"] = 2222
    refused(grown, document, 4, "w3", "2222", "ansible_port")


def test_a_refused_login(grown: World, tmp_path: Path) -> None:
    key = tmp_path / "other"
    key.touch(mode=0o600)
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_ssh_private_key_file"] = str(key)
    refused(grown, document, 4, "w3", "refused", "authorized_keys")


@contextmanager
def known_hosts(world: World, text: str) -> Iterator[Path]:
    """Other known hosts for a while."""
    path = world.inventory.parent / "known_hosts"
    original = path.read_text()
    path.write_text(text)
    try:
        yield path
    finally:
        path.write_text(original)


def test_a_changed_host_key(grown: World) -> None:
    lines = (grown.inventory.parent / "known_hosts").read_text().splitlines()
    w3, cp1 = (workers(grown.document())["w3"]["ansible_host"], grown.document()["all"]["children"]["control_plane"])
    address = cp1["hosts"]["cp1"]["ansible_host"]
    stolen = [line.replace(f"{address} ", f"{w3} ", 1) for line in lines if line.startswith(f"{address} ")]
    others = [line for line in lines if not line.startswith(f"{w3} ")]
    with known_hosts(grown, "\n".join([*others, *stolen]) + "\n"):
        refused(grown, without(grown, "w4"), 4, "w3", "CHANGED", "ssh-keygen -R")


def test_an_unknown_host_key_is_confirmed_once(grown: World) -> None:
    with known_hosts(grown, ""):
        said = refused(grown, without(grown, "w3", "w4"), 4, "not known", "provisioner trust")
        assert "SHA256:" in said.stderr
        trusted = grown.run("trust", "--yes")
        assert trusted.code == 0, trusted
        assert trusted.stdout.count("SHA256:") == 5
        assert grown.run("run", "--", "true").code == 0


def test_machines_are_reached_through_a_jump_host(grown: World) -> None:
    document = grown.document()
    w1 = workers(document)["w1"]["ansible_host"]
    document["all"]["vars"]["cluster"]["ssh"]["jump_host"] = f"admin@{w1}"
    with grown.other_inventory(document) as path:
        said = provisioner("run", "-i", str(path), "--limit", "w2", "--", "ss -Htn sport = :22")
        with known_hosts(grown, ""):
            trusted = provisioner("trust", "-i", str(path), "--limit", "w2", "--yes")
            again = provisioner("run", "-i", str(path), "--limit", "w2", "--", "true")
    assert said.code == 0, said
    assert f"{w1}:" in said.stdout, said
    assert trusted.code == 0, trusted
    assert [line.split(":")[0] for line in trusted.stdout.splitlines() if "SHA256" in line] == ["jump-host", "w2"]
    assert again.code == 0, again


def test_sudo_that_asks_for_a_password(grown: World) -> None:
    grown.shell(
        "w3", "grep -rl NOPASSWD /etc/sudoers.d | xargs sed -i.kept 's/NOPASSWD://'; rm -f /etc/sudoers.d/*.kept"
    )
    try:
        refused(grown, without(grown, "w4"), 4, "w3", "sudo asks for a password", "NOPASSWD")
    finally:
        grown.shell("w3", "sed -i 's/ALL$/NOPASSWD:ALL/' /etc/sudoers.d/*; visudo -cq")
    assert grown.run("run", "--limit", "w3", "--", "id -u").code == 0


def test_a_user_who_is_not_root(grown: World) -> None:
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_become"] = False
    refused(grown, document, 3, "w3", "root", "ansible_become")


def test_another_distribution(grown: World) -> None:
    grown.shell("w3", "cp -L /etc/os-release /root/os-release; sed -i 's/^ID=.*/ID=fedora/' /usr/lib/os-release")
    try:
        refused(grown, without(grown, "w4"), 3, "w3", "fedora", "debian bookworm")
    finally:
        grown.shell("w3", "cp /root/os-release /usr/lib/os-release; rm /root/os-release")
    assert grown.shell("w3", NODE_PATHS) == ""


def test_a_port_that_is_taken(grown: World) -> None:
    grown.shell("w3", "systemd-run --unit=squatter systemd-socket-activate -l 10250 /bin/cat")
    try:
        time.sleep(1)
        refused(grown, without(grown, "w4"), 3, "w3", "10250", "taken")
    finally:
        grown.shell("w3", "systemctl stop squatter")
    assert grown.shell("w3", NODE_PATHS) == ""


def test_a_damaged_bundle(grown: World, tmp_path: Path) -> None:
    damaged = tmp_path / "bundle"
    shutil.copytree(build(default_cache()), damaged)
    package = next((damaged / "apt").glob("kubelet_*.deb"))
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    document = without(grown, "w4")
    document["all"]["vars"]["cluster"]["package_source"] = {"type": "bundle", "path": str(damaged)}
    refused(grown, document, 3, package.name, "SHA-256")
    assert grown.shell("w3", NODE_PATHS) == ""
    assert provisioner("bundle", "verify", str(damaged)).code == 3


def test_a_disk_that_is_full_while_a_file_is_written(grown: World) -> None:
    """The machine that failed is named, the file there is the old one, and the other machines are through."""
    document = without(grown, "w3", "w4")
    document["all"]["vars"]["cluster"]["runtime"] = {"type": "docker", "log_max_size": "70m"}
    fill = "dd if=/dev/zero of=/etc/docker/filler bs=1k 2>/dev/null || :"
    small = "cp -r /etc/docker /root/docker; mount -t tmpfs -o size=8k tmpfs /etc/docker"
    grown.shell("w1", f"{small}; cp /root/docker/daemon.json /etc/docker; {fill}")
    before = grown.shell("w1", "cat /etc/docker/daemon.json")
    try:
        with grown.other_inventory(document) as path:
            said = provisioner("apply", "-i", str(path), "--json")
        assert said.code == 5, said
        assert "No space left on device" in said.stdout, said
        assert said.report["result"] == "failed"
        assert {host: told["failed"] for host, told in said.report["hosts"].items() if told.get("failed")} == {"w1": 1}
        assert grown.shell("w1", "cat /etc/docker/daemon.json") == before
        assert "70m" in grown.shell("w2", "cat /etc/docker/daemon.json")
    finally:
        grown.shell("w1", "umount /etc/docker; rm -r /root/docker")
    back = provisioner("apply", "-i", str(grown.inventory), "--limit", "cp1,w1,w2", "--json")
    assert back.code == 0, back


def test_a_run_that_is_killed_while_a_machine_joins_is_simply_run_again(grown: World) -> None:
    with grown.other_inventory(without(grown, "w4")) as path:
        argv = [sys.executable, "-c", PROGRAM, "apply", "-i", str(path), "--json"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if '"step_began"' in line and "kubeadm join" in line:
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL
        again = provisioner("apply", "-i", str(path), "--json")
        assert again.code == 0, again
        assert provisioner("plan", "-i", str(path), "--exit-code").code == 0
    assert grown.kubectl("-n", "kube-system", "get", "secrets", "-o", "name").count("bootstrap-token-") == 0
    assert grown.kubectl("get", "nodes", "-o", "name").split() == [f"node/{name}" for name in ("cp1", "w1", "w2", "w3")]


def test_where_forwarding_is_forbidden_the_bundle_is_uploaded(grown: World) -> None:
    grown.shell("w4", "echo 'AllowTcpForwarding no' >/etc/ssh/sshd_config.d/forwarding.conf; systemctl reload ssh")
    done = grown.json("apply")
    assert done.code == 0, done
    assert any("uploaded" in event.get("what", "") for event in done.events), done
    assert ("w4", "kubeadm join") in done.changed
    assert grown.shell("w4", "ls /run/provisioner /var/lib/provisioner/bundle 2>/dev/null || :") == ""
    again = grown.json("apply")
    assert again.report["changed"] == 0, again


def test_the_whole_grown_cluster_verifies(grown: World, tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    verify = grown.json("verify", "--junit", str(junit))
    assert verify.code == 0, verify
    assert 'failures="0"' in junit.read_text()


def test_a_token_for_administrators_is_a_ready_command(grown: World) -> None:
    said = provisioner("token", "-i", str(grown.inventory), "--ttl", "1h")
    token, pin = r"([a-z0-9]{6})\.[a-z0-9]{16}", r"sha256:[0-9a-f]{64}"
    match = re.fullmatch(rf"kubeadm join \S+:6443 --token {token} --discovery-token-ca-cert-hash {pin}\n", said.stdout)
    assert match, said
    secret = f"bootstrap-token-{match[1]}"
    assert secret in grown.kubectl("-n", "kube-system", "get", "secrets", "-o", "name")
    assert grown.json("plan", "--exit-code").code == 0, "an administrator's token is not ours to remove"
    grown.kubectl("-n", "kube-system", "delete", "secret", secret)


def test_a_command_runs_on_all_machines_and_says_where_it_failed(grown: World) -> None:
    said = grown.run("run", "--", "test $(hostname) != w2")
    assert said.code == 5, said
    assert "failed on w2 (1)" in said.stderr
    assert all(name in said.stdout for name in ("cp1", "w1", "w2"))


def test_limit_works_on_the_chosen_machines_only(grown: World) -> None:
    grown.shell("w1", "apt-mark unhold kubelet")
    grown.shell("w2", "apt-mark unhold kubelet")
    assert grown.json("apply", "--limit", "w2").changed == [("w2", "hold kubelet")]
    assert grown.json("plan").planned == [("w1", "hold kubelet")]
    assert grown.run("apply", "--limit", "nowhere").code == 2
    assert grown.json("apply").code == 0
