from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from provisioner.bundle.common.image_archive import Directory, Entry, File, Image, Link, with_directories, write


def image(source: Path) -> Image:
    entries: tuple[Entry, ...] = (
        File("usr/bin/tool", source),
        Link("bin/tool", "../usr/bin/tool"),
        File("etc/note", b"text", 0o644),
        Directory("tmp", 0o1777),
    )
    return Image("example/tool:1", "amd64", entries, entrypoint=("/usr/bin/tool",))


def test_docker_can_follow_it(tmp_path: Path) -> None:
    source = tmp_path / "tool"
    source.write_bytes(b"program")
    write(image(source), tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        parts = {member.name: read(tar, member) for member in tar}
    (manifest,) = json.loads(parts["manifest.json"])
    assert manifest["RepoTags"] == ["example/tool:1"]
    configuration = json.loads(parts[manifest["Config"]])
    assert manifest["Config"] == hashlib.sha256(parts[manifest["Config"]]).hexdigest() + ".json"
    layer = gzip.decompress(parts[manifest["Layers"][0]])
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert configuration["config"]["Entrypoint"] == ["/usr/bin/tool"]
    assert "Cmd" not in configuration["config"]
    assert (configuration["os"], configuration["architecture"]) == ("linux", "amd64")


def test_the_layer_holds_the_files(tmp_path: Path) -> None:
    source = tmp_path / "tool"
    source.write_bytes(b"program")
    write(image(source), tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        layer = gzip.decompress(read(tar, tar.getmember("layer.tar.gz")))
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        members = {member.name: member for member in tar}
        assert list(members) == ["bin", "bin/tool", "etc", "etc/note", "tmp", "usr", "usr/bin", "usr/bin/tool"]
        assert read(tar, members["usr/bin/tool"]) == b"program"
    assert members["usr/bin/tool"].mode == 0o755
    assert members["etc/note"].mode == 0o644
    assert members["tmp"].mode == 0o1777
    assert members["bin/tool"].linkname == "../usr/bin/tool"
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 0)}


def test_the_same_input_gives_the_same_bytes_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "tool"
    source.write_bytes(b"program")
    for name in ("one.tar", "two.tar"):
        write(image(source), tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.tar", "tool", "two.tar"]


def test_a_link_above_a_file_stays_a_link() -> None:
    entries: list[Entry] = [File("lib/x", b""), Link("lib", "usr/lib")]
    assert list(with_directories(entries)) == [Link("lib", "usr/lib"), File("lib/x", b"")]


def read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""
