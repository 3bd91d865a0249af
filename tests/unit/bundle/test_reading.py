from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.bundle.manifest import Role
from provisioner.bundle.reading import load, require_whole, verify
from provisioner.bundle.table import headline, show
from provisioner.errors import BundleError


def test_a_whole_bundle_has_no_problems(bundle_path: Path) -> None:
    bundle = load(bundle_path)
    assert verify(bundle) == []
    require_whole(bundle)


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("control_plane", ["k8s.gcr.io/kube-apiserver:v1", "k8s.gcr.io/kube-proxy:v1"]),
        ("worker", ["k8s.gcr.io/kube-proxy:v1"]),
    ],
)
def test_images_by_role(bundle_path: Path, role: Role, names: list[str]) -> None:
    assert [image.name for image in load(bundle_path).images_for(role)] == names


def test_package_version_is_exact(bundle_path: Path) -> None:
    assert load(bundle_path).package_version("kubelet") == "1.20.2-1.1"


def test_an_absent_package_is_named(bundle_path: Path) -> None:
    with pytest.raises(BundleError, match="no package vim") as caught:
        load(bundle_path).package_version("vim")
    assert "bundle show" in caught.value.hint


def test_what_is_missing_has_a_reason(bundle_path: Path) -> None:
    bundle = load(bundle_path)
    assert bundle.lacks("k8s.gcr.io/coredns:1.7.0") == "coredns is not in Debian"
    assert bundle.lacks("k8s.gcr.io/kube-proxy:v1") == ""


def same_size(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


DAMAGE: list[tuple[Callable[[Path], None], list[tuple[str, str]]]] = [
    (same_size, [("bundle-changed", "SHA-256")]),
    (longer, [("bundle-changed", "has 14 bytes instead of 13")]),
    (Path.unlink, [("bundle-missing", "is missing")]),
    (linked, [("bundle-missing", "is missing"), ("bundle-extra", "is not in the manifest")]),
    (lambda path: path.with_name("new").touch(), [("bundle-extra", "is not in the manifest")]),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGE)
def test_damage_is_found_and_named(
    bundle_path: Path, damage: Callable[[Path], None], expected: list[tuple[str, str]]
) -> None:
    damage(bundle_path / "images/proxy.tar")
    problems = verify(load(bundle_path))
    assert [problem.rule for problem in problems] == [rule for rule, _ in expected]
    for problem, (_, words) in zip(problems, expected, strict=True):
        assert problem.where.startswith("images/")
        assert words in problem.message
        assert problem.hint


def test_require_whole_carries_every_finding(bundle_path: Path) -> None:
    (bundle_path / "images/proxy.tar").unlink()
    (bundle_path / "apt/key.asc").unlink()
    with pytest.raises(BundleError, match="damaged") as caught:
        require_whole(load(bundle_path))
    assert [problem.where for problem in caught.value.problems] == ["images/proxy.tar", "apt/key.asc"]


def change(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def apply(raw: dict[str, Any]) -> None:
        raw[key] = value

    return apply


def change_content(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def apply(raw: dict[str, Any]) -> None:
        raw["contents"][0][key] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change("format", 2), "format 2 is not known"),
        (change("format", None), "format None is not known"),
        (change("colour", "red"), "colour"),
        (change("created", "yesterday"), "created"),
        (change("created", "2026-01-01T00:00:00"), "created"),
        (change_content("path", "../../etc/passwd"), "contents.0.path"),
        (change_content("path", "/etc/passwd"), "contents.0.path"),
        (change_content("path", "bundle.json"), "contents.0.path"),
        (change_content("sha256", "abc"), "contents.0.sha256"),
        (change_content("size", "8"), "contents.0.size"),
        (change_content("roles", ["king"]), "contents.0.roles"),
    ],
)
def test_a_bad_manifest_is_refused(bundle_path: Path, spoil: Callable[[dict[str, Any]], None], words: str) -> None:
    file = bundle_path / "bundle.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    spoil(raw)
    file.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(BundleError) as caught:
        load(bundle_path)
    said = caught.value.message + " ".join(str(problem) for problem in caught.value.problems)
    assert words in said
    assert caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_manifest_that_is_no_manifest(bundle_path: Path, text: bytes) -> None:
    (bundle_path / "bundle.json").write_bytes(text)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        load(bundle_path)


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle here") as caught:
        load(tmp_path / "nowhere")
    assert "bundle build" in caught.value.hint


def test_the_table_ends_with_what_is_missing(bundle_path: Path) -> None:
    rows = show(load(bundle_path))
    assert [row.kind for row in rows] == ["image", "image", "package", "index", "key", "missing"]
    assert rows[0].needed_by == "control_plane"
    assert rows[2].version == "1.20.2-1.1"
    assert rows[-1].origin == "coredns is not in Debian"
    assert headline(load(bundle_path)).startswith("Kubernetes 1.20.2 for debian bookworm amd64, 5 files, 0 MiB")
