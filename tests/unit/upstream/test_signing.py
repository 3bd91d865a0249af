"""The index of a bundle's repository, from what the sources' own signed indexes say."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path

from provisioner.bundle.common.mirror import stanzas
from provisioner.bundle.upstream.apt import Package
from provisioner.bundle.upstream.signing import file_name, write_indexes

STANZA = """\
Package: docker-ce
Version: 5:20.10.24~3-0~debian-bookworm
Architecture: amd64
Depends: containerd.io (>= 1.4.1),
 docker-ce-cli
Filename: dists/bookworm/pool/stable/amd64/docker-ce_20.10.24~3-0~debian-bookworm_amd64.deb
Size: 7
MD5sum: 00000000000000000000000000000000
SHA256: 1111"""
DOCKER = Package(
    "docker-ce",
    "5:20.10.24~3-0~debian-bookworm",
    7,
    "1111",
    "docker-ce_5%3a20.10.24~3-0~debian-bookworm_amd64.deb",
    STANZA,
)
OTHER = Package("tini", "1-1", 3, "2222", "tini_1-1_amd64.deb", "Package: tini\nVersion: 1-1\nFilename: pool/t.deb")


def test_a_package_stays_as_its_source_describes_it_but_for_its_place(tmp_path: Path) -> None:
    write_indexes(tmp_path, (DOCKER, OTHER), "bookworm", "amd64")
    docker, tini = stanzas((tmp_path / "Packages").read_text())
    assert docker["filename"] == f"./{file_name(DOCKER)}" == "./docker-ce_20.10.24~3-0~debian-bookworm_amd64.deb"
    assert (docker["sha256"], docker["size"]) == ("1111", "7")
    assert docker["depends"] == "containerd.io (>= 1.4.1),\n docker-ce-cli"
    assert "md5sum" not in docker
    assert tini["filename"] == "./tini_1-1_amd64.deb"


def test_the_release_file_has_the_hashes_of_both_indexes(tmp_path: Path) -> None:
    write_indexes(tmp_path, (DOCKER,), "bookworm", "amd64")
    text = (tmp_path / "Release").read_text()
    for name in ("Packages", "Packages.gz"):
        content = (tmp_path / name).read_bytes()
        assert f" {sha256(content).hexdigest()} {len(content)} {name}\n" in text
    assert "Codename: bookworm\n" in text
    assert gzip.decompress((tmp_path / "Packages.gz").read_bytes()) == (tmp_path / "Packages").read_bytes()
