"""The layout of dl.k8s.io and of the projects beside it: programs and archives as files, each with its checksum.

What is in them is taken out of the bundle's packages; crictl, which Debian does not have, is one that only says its
version.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from provisioner.bundle.common.machine import machine_architecture
from provisioner.catalog import binaries

PLACE, PLUG_INS_PLACE, CRICTL_PLACE = "binaries", "binaries-cni", "binaries-crictl"
# Those of the bundle, and others that differ by a few bytes behind their end, which no program reads.
VERSION, OTHER_VERSION = "1.20.2", "1.20.4"
PLUG_INS, OTHER_PLUG_INS = "1.1.1", "1.2.0"
CRICTL = "#!/bin/sh\necho 'crictl version v1.20.0'\n"


def publish_binaries(site: Path, debs: Path) -> None:
    """Put all of it below the directory that is served; `debs` has the packages that programs are taken from."""
    cpu = binaries.architecture(machine_architecture())
    work = site / ".unpacked"
    for deb in debs.glob("*.deb"):
        if deb.name.partition("_")[0] in ("kubeadm", "kubectl", "kubelet", "containernetworking-plugins"):
            subprocess.run(["dpkg-deb", "--extract", deb, work], check=True)
    for version in (VERSION, OTHER_VERSION):
        _programs(work / "usr/bin", site / PLACE / "release" / f"v{version}" / "bin/linux" / cpu, version)
    (site / PLACE / "release" / "stable-1.20.txt").write_text(f"v{OTHER_VERSION}")
    for version in (PLUG_INS, OTHER_PLUG_INS):
        file = site / PLUG_INS_PLACE / f"v{version}" / f"cni-plugins-linux-{cpu}-v{version}.tgz"
        _archive(file, (work / "usr/lib/cni", version))
    (work / "crictl").mkdir()
    (work / "crictl" / "crictl").write_text(CRICTL)
    (work / "crictl" / "crictl").chmod(0o755)
    _archive(site / CRICTL_PLACE / "v1.20.0" / f"crictl-v1.20.0-linux-{cpu}.tar.gz", (work / "crictl", ""))
    shutil.rmtree(work)


def _programs(source: Path, into: Path, version: str) -> None:
    into.mkdir(parents=True)
    for name in ("kubeadm", "kubectl", "kubelet"):
        shutil.copyfile(source / name, into / name)
        if version != VERSION:
            with (into / name).open("ab") as file:
                file.write(version.encode())
        # As dl.k8s.io writes it: the bare hash.
        _checksum(into / name, named=False)


def _archive(file: Path, content: tuple[Path, str]) -> None:
    """The files of a directory and, as in upstream's archives, a text beside them."""
    directory, text = content
    file.parent.mkdir(parents=True)
    (directory / "README.md").write_text(f"{text}\n")
    with tarfile.open(file, "w:gz", compresslevel=1) as tar:
        for name in sorted(os.listdir(directory)):
            tar.add(directory / name, f"./{name}")
    _checksum(file, named=True)


def _checksum(file: Path, *, named: bool) -> None:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n" if named else digest)
