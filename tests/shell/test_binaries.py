"""Asking for programs and installing them, by the real sh: the servers are a directory that apt-helper copies from."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner.core.command import Command, Result
from provisioner.resources.binaries import Binary
from provisioner.sources.asking import read_answer
from provisioner.sources.binaries import question
from provisioner.world.look import PROGRAMS
from provisioner.world.offers import Answer, Offer
from tests.builders import cluster, ok, view
from tests.patience import LONGEST_S
from tests.scenarios.repositories import BINARIES

URLS = {"url": BINARIES, "cni_url": f"{BINARIES}-cni", "crictl_url": f"{BINARIES}-crictl"}
DESIRED = {"kubeadm": "1.20.2", "kubectl": "1.20.2", "kubelet": "1.20.2", "kubernetes-cni": "1.9.1"}
RELEASE = "release/v1.20.2/bin/linux"
KUBELET = f"binaries/{RELEASE}/amd64/kubelet"
# `apt-helper ... download-file URL FILE [SHA256:HASH]`, of which http://mirror.example is a directory.
HELPER = r"""#!/bin/sh
while [ "$1" != download-file ]; do shift; done
file=$SERVERS${2#http://mirror.example}
if [ -e "$SERVERS/silent" ]; then echo "E: Failed to fetch $2  Could not connect to mirror.example:80"; exit 100; fi
if [ ! -f "$file" ]; then echo "E: Failed to fetch $2  404  Not Found [IP: 192.0.2.1 80]"; exit 100; fi
if [ -n "${4:-}" ] && ! echo "${4#SHA256:}  $file" | sha256sum --check --status; then
  echo "E: Failed to fetch $2  Hash Sum mismatch"
  exit 100
fi
cp "$file" "$3"
"""


@dataclass(frozen=True)
class Ground:
    """The servers, and a machine whose places lie in `root`."""

    servers: Path
    root: Path

    def publish(self, place: str, content: bytes, *, named: bool = False) -> str:
        """A file with its checksum beside; returns the checksum."""
        file = self.servers / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n" if named else digest)
        return digest

    def run(self, command: Command) -> Result:
        owner = subprocess.run(["stat", "-c", "%U:%G", self.root], capture_output=True, text=True, check=True).stdout
        script = command.argv[2].replace("/usr/lib/apt/apt-helper", str(self.servers / "apt-helper"))
        words = [word.replace(PROGRAMS, f"{self.root}/programs") for word in command.argv[3:]]
        argv = [*command.argv[:2], script.replace("root:root", owner.strip()), *words]
        environment = {"PATH": os.environ["PATH"], "SERVERS": str(self.servers)}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LONGEST_S, env=environment)
        return Result(done.returncode, done.stdout, done.stderr)

    def ask(self, version: str = "1.20.2") -> Answer:
        desired = cluster(package_source={"type": "binaries", **URLS}, kubernetes_version=version)
        versions = DESIRED | dict.fromkeys(("kubeadm", "kubectl", "kubelet"), version)
        return read_answer(self.run(question(view(desired), desired.hosts[0], versions)))


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """A server with all that is desired amd64."""
    made = Ground(tmp_path / "servers", tmp_path / "root")
    made.root.mkdir()
    for name in ("kubeadm", "kubectl", "kubelet"):
        made.publish(f"binaries/{RELEASE}/amd64/{name}", name.encode())
    made.publish("binaries-cni/v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz", b"an archive", named=True)
    (made.servers / "apt-helper").write_text(HELPER)
    (made.servers / "apt-helper").chmod(0o755)
    return made


def test_checksums_are_told_whichever_way_they_are_written(ground: Ground) -> None:
    answer = ground.ask()
    assert answer.trouble == ""
    assert {offer.package: offer.version for offer in answer.offers} == DESIRED
    assert answer.sha256("kubelet", "1.20.2") == hashlib.sha256(b"kubelet").hexdigest()
    assert answer.sha256("kubernetes-cni", "1.9.1") == hashlib.sha256(b"an archive").hexdigest()


def test_of_a_release_that_is_not_there_the_last_one_of_its_minor_is_told(ground: Ground) -> None:
    (ground.servers / "binaries/release/stable-1.20.txt").write_text("v1.20.15\n")
    assert Offer("kubelet", "1.20.15") in ground.ask("1.20.99").offers


def test_without_a_word_about_others_it_is_the_address_that_is_told(ground: Ground) -> None:
    place = f"{BINARIES}/release/v1.20.99/bin/linux/amd64/kubelet.sha256"
    assert f"{place}  404  Not Found" in ground.ask("1.20.99").trouble


def test_what_is_there_for_another_architecture_is_no_offer(ground: Ground) -> None:
    (ground.servers / "binaries/release/stable-1.20.txt").write_text("v1.20.15\n")
    (ground.servers / f"binaries/{RELEASE}/amd64").rename(ground.servers / f"binaries/{RELEASE}/s390x")
    assert ground.ask() == Answer()


@pytest.mark.parametrize("content", ["<html>log in</html>", "", "abc"])
def test_what_is_no_checksum_is_trouble(ground: Ground, content: str) -> None:
    (ground.servers / f"binaries/{RELEASE}/amd64/kubelet.sha256").write_text(content)
    answer = ground.ask()
    assert answer.offers == ()
    assert "kubelet.sha256  what is there is no SHA-256" in answer.trouble


def test_plug_ins_that_are_not_there_are_trouble(ground: Ground) -> None:
    (ground.servers / "binaries-cni/v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz.sha256").unlink()
    assert "cni-plugins-linux-amd64-v1.9.1.tgz.sha256  404" in ground.ask().trouble


def test_a_server_that_is_silent_is_trouble(ground: Ground) -> None:
    (ground.servers / "silent").touch()
    answer = ground.ask()
    assert answer.offers == ()
    assert "Could not connect to mirror.example:80" in answer.trouble


def want(ground: Ground, digest: str, place: str = KUBELET, name: str = "kubelet") -> Binary:
    return Binary(name, "1.20.2", digest, f"http://mirror.example/{place}", f"{ground.root}/bin")


def installed(ground: Ground, program: Binary) -> Result:
    change = program.diff(ground.run(program.probe()), set())
    assert change
    (command,) = change.commands
    return ground.run(command)


def is_right(ground: Ground, program: Binary) -> bool:
    return program.diff(ok(ground.run(program.probe()).stdout), set()) is None


def test_a_program_is_put_in_its_place_noted_and_looked_at(ground: Ground) -> None:
    program = want(ground, hashlib.sha256(b"kubelet").hexdigest())
    file = ground.root / "bin" / "kubelet"
    assert installed(ground, program).ok
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"kubelet", 0o755)
    assert is_right(ground, program)
    for spoil in (lambda: file.write_text("other"), lambda: file.chmod(0o700), file.unlink):
        spoil()
        assert not is_right(ground, program)
        assert installed(ground, program).ok
        assert is_right(ground, program)
    assert [path.name for path in (ground.root / "programs").iterdir()] == ["kubelet"]
    assert [path.name for path in (ground.root / "bin").iterdir()] == ["kubelet"]


def test_what_has_another_checksum_changes_nothing(ground: Ground) -> None:
    program = want(ground, hashlib.sha256(b"kubelet").hexdigest())
    assert installed(ground, program).ok
    other = want(ground, "f" * 64)
    assert "Hash Sum mismatch" in installed(ground, other).stdout
    assert (ground.root / "bin" / "kubelet").read_bytes() == b"kubelet"
    assert is_right(ground, program)


def test_what_was_cut_off_is_tidied_up(ground: Ground) -> None:
    program = want(ground, hashlib.sha256(b"kubelet").hexdigest())
    assert installed(ground, program).ok
    (ground.root / "programs" / ".kubelet" / "files").mkdir(parents=True)
    (ground.root / "bin" / ".kubelet.provisioner").write_text("half")
    assert not is_right(ground, program)
    assert installed(ground, program).ok
    assert is_right(ground, program)
    assert [path.name for path in (ground.root / "bin").iterdir()] == ["kubelet"]


def test_of_an_archive_the_programs_are_taken(ground: Ground, tmp_path: Path) -> None:
    for name, mode in (("bridge", 0o755), ("loopback", 0o755), ("README.md", 0o644)):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(mode)
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as tar:
        for name in ("bridge", "loopback", "README.md"):
            tar.add(tmp_path / name, f"./{name}")
    digest = ground.publish("x/plug-ins.tgz", (tmp_path / "x.tgz").read_bytes())
    program = want(ground, digest, "x/plug-ins.tgz", "kubernetes-cni")
    assert installed(ground, program).ok
    assert sorted(path.name for path in (ground.root / "bin").iterdir()) == ["bridge", "loopback"]
    assert is_right(ground, program)


def test_an_archive_without_programs_is_said(ground: Ground, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tgz", "w:gz"):
        pass
    digest = ground.publish("x/plug-ins.tgz", (tmp_path / "x.tgz").read_bytes())
    failed = installed(ground, want(ground, digest, "x/plug-ins.tgz", "kubernetes-cni"))
    assert (failed.ok, failed.stderr) == (False, "http://mirror.example/x/plug-ins.tgz contains no executable file\n")
