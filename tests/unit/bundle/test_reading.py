from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioner.bundle.common import reading
from provisioner.bundle.common.manifest import Role
from provisioner.bundle.common.reading import load, require_whole, verify
from provisioner.bundle.common.table import headline, show
from provisioner.errors import BundleError
from tests.conftest import Tally


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


def others(value: Any) -> list[Any]:
    """What may stand in a value's place."""
    strange: list[Any] = [None, True, -1, 10**30, 1.5, "", "\ud800", "../x", "x" * 5000, [], {}, [[]], {"": 0}]
    return [one for one in strange if type(one) is not type(value) or one != value]


def spoiled(raw: Any, dice: random.Random) -> Any:
    """The same JSON value with something else at one place, left out or added."""
    if not isinstance(raw, dict | list) or not raw or dice.random() < 0.15:
        return dice.choice(others(raw))
    place = dice.choice(list(raw) if isinstance(raw, dict) else range(len(raw)))
    copy: Any = raw.copy()
    match dice.randrange(6):
        case 0:
            del copy[place]
        case 1 if isinstance(copy, list):
            copy.append(copy[place])
        case 1:
            copy[dice.choice(("x", "\x00", "path"))] = copy[place]
        case _:
            copy[place] = spoiled(copy[place], dice)
    return copy


@pytest.mark.parametrize("number", [200, pytest.param(1500, marks=pytest.mark.fuzz)])
def test_whatever_a_manifest_says_it_is_read_or_refused(number: int, bundle_path: Path, tally: Tally) -> None:
    """Never anything else than a bundle, whose files are then looked at and shown, or a BundleError."""
    dice = random.Random(1)  # noqa: S311 - no secret comes of it
    file = bundle_path / "bundle.json"
    whole = file.read_bytes()
    hints: list[str] = []
    for turn in range(number):
        text = json.dumps(spoiled(json.loads(whole), dice)).encode() if turn % 3 else cut(whole, dice)
        file.write_bytes(text)
        try:
            bundle = load(bundle_path)
            verify(bundle)
            assert headline(bundle)
            assert show(bundle)
        except BundleError as error:
            hints.append(error.hint)
    assert number / 2 < len(hints) < number
    assert all(hints)
    tally("hostile inputs tried", number)


def cut(text: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(text))
    return text[:at] if dice.random() < 0.3 else text[:at] + dice.randbytes(dice.randrange(1, 4)) + text[at + 1 :]


def same_size(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def linked_directory(path: Path) -> None:
    """The same files, by a way that leaves the bundle."""
    outside = path.parents[2] / "outside"
    path.parent.rename(outside)
    path.parent.symlink_to(outside)


def replaced_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE: list[tuple[Callable[[Path], None], list[tuple[str, str]]]] = [
    (same_size, [("bundle-changed", "SHA-256")]),
    (longer, [("bundle-changed", "has 14 bytes instead of 13")]),
    (Path.unlink, [("bundle-missing", "is missing")]),
    (linked, [("bundle-missing", "is missing"), ("bundle-extra", "is not in the manifest")]),
    (lambda path: path.with_name("new").touch(), [("bundle-extra", "is not in the manifest")]),
    (lambda path: path.with_name("a\x1b[2J").touch(), [("bundle-extra", "is not in the manifest")]),
    (replaced_by_a_directory, [("bundle-missing", "is missing")]),
    (
        replaced_by_a_pipe,
        [
            ("bundle-missing", "is missing"),
        ],
    ),
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


def test_a_directory_that_leads_out_of_the_bundle_is_found(bundle_path: Path) -> None:
    linked_directory(bundle_path / "images/proxy.tar")
    problems = [(problem.rule, problem.where) for problem in verify(load(bundle_path))]
    assert problems == [
        ("bundle-missing", "images/apiserver.tar"),
        ("bundle-missing", "images/proxy.tar"),
        ("bundle-extra", "images"),
    ]


@pytest.mark.parametrize("name", ["x" * 300, "images/" + "y/" * 2500 + "z"])
def test_a_name_that_no_file_can_have_is_named(bundle_path: Path, name: str) -> None:
    bundle = load(bundle_path)
    content = bundle.manifest.contents[0].model_copy(update={"path": name})
    manifest = bundle.manifest.model_copy(update={"contents": (content, *bundle.manifest.contents)})
    (problem,) = verify(replace(bundle, manifest=manifest))
    assert (problem.rule, problem.where, bool(problem.hint)) == ("bundle-unreadable", name, True)


def test_a_file_that_cannot_be_read_is_named(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root can read everything: the disk fails here."""

    def fails(path: Path) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reading, "sha256_of", fails)
    problems = verify(load(bundle_path))
    assert {problem.message for problem in problems} == {"cannot be read: Input/output error"}
    assert len(problems) == 5


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_manifest_that_is_no_file_is_not_waited_for(bundle_path: Path, make: Callable[[Path], None]) -> None:
    (bundle_path / "bundle.json").unlink()
    make(bundle_path / "bundle.json")
    with pytest.raises(BundleError, match=r"bundle\.json: is not a file"):
        load(bundle_path)


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
        (change("format", 2), 'format "2" is not known'),
        (change("format", None), 'format "None" is not known'),
        (change("colour", "red"), "colour"),
        (change("created", "yesterday"), "created"),
        (change("created", "2026-01-01T00:00:00"), "created"),
        (change_content("path", "../../etc/passwd"), "contents.0.path"),
        (change_content("path", "/etc/passwd"), "contents.0.path"),
        (change_content("path", "bundle.json"), "contents.0.path"),
        (change_content("sha256", "abc"), "contents.0.sha256"),
        (change_content("path", "images/a\x00b"), "contents.0.path"),
        (change_content("path", "images/\ud800"), "hex escape"),
        (change_content("path", "apt/Packages"), "apt/Packages: is listed more than once"),
        (change_content("name", "kubelet\x1b[2J"), "contents.0.name"),
        (change_content("origin", "a\nb"), "contents.0.origin"),
        (change_content("version", "1" * 1001), "contents.0.version"),
        (change_content("size", "8"), "contents.0.size"),
        (change_content("size", 10**400), "contents.0.size"),
        (change_content("size", -1), "contents.0.size"),
        (change_content("size", float("nan")), "contents.0.size"),
        (change("format", True), 'format "True"'),
        (change("format", [["\x1b"]] * 1000), "is not known"),
        (change("missing", [{"name": "\u202e", "reason": "r"}]), "missing.0.name"),
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


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"\xff\xfe", b"\0", b"NaN", b'"' * 9),
        *(b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"format":1' + b" " * (16 << 20) + b"}"),
    ],
    ids=lambda text: text[:8],
)
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
