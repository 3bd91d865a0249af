from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.bundle.debian import build as front
from provisioner.bundle.debian.recipe import Recipe
from provisioner.bundle.debian.stages import stages
from provisioner.errors import BundleError, UsageError

GIB = 2**30


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that can build."""
    (tmp_path / "debian-archive-keyring.gpg").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100 * GIB))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0, stderr=""))
    monkeypatch.setattr(front, "KEYRINGS", tmp_path)


Spoil = Callable[[pytest.MonkeyPatch], None]


def spoil(thing: Any, name: str, value: Any) -> Spoil:
    return lambda monkeypatch: monkeypatch.setattr(thing, name, value)


REFUSED = SimpleNamespace(returncode=1, stderr="unshare: Operation not permitted\n")
BAD_MACHINES: list[tuple[Spoil, str, str]] = [
    (spoil(sys, "platform", "darwin"), "on Linux only", "copy the directory"),
    (spoil(os, "geteuid", lambda: 1000), "needs root", "sudo"),
    (spoil(shutil, "which", lambda tool: None), "needs mmdebstrap, mount, util-linux", "apt-get install mmdebstrap"),
    (spoil(front, "KEYRINGS", Path("/nowhere")), "debian-archive-keyring", "apt-get install debian-archive-keyring"),
    (spoil(subprocess, "run", lambda *_, **__: REFUSED), "namespaces", "CAP_SYS_ADMIN"),
    (spoil(shutil, "disk_usage", lambda path: SimpleNamespace(free=GIB)), "1.0 GiB are free", "space"),
]


@pytest.mark.usefixtures("able")
def test_a_machine_that_can_build(tmp_path: Path) -> None:
    front.require(tmp_path / "a" / "cache")


@pytest.mark.usefixtures("able")
@pytest.mark.parametrize(("damage", "words", "hint"), BAD_MACHINES)
def test_a_machine_that_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Spoil, words: str, hint: str
) -> None:
    damage(monkeypatch)
    with pytest.raises(BundleError, match=words) as caught:
        front.require(tmp_path / "cache")
    assert hint in caught.value.hint
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("able")
def test_going_on_needs_less_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * GIB))
    with pytest.raises(BundleError, match="needs 5 GiB"):
        front.require(tmp_path)
    (tmp_path / "kept/go").mkdir(parents=True)
    front.require(tmp_path)


def in_cache(bundle_path: Path) -> Path:
    return bundle_path.rename(bundle_path.parent / stages(Recipe())[-1].directory)


def test_what_is_ready_needs_nothing(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ready = in_cache(bundle_path)
    assert front.build(ready.parent, architecture="amd64") == ready


@pytest.mark.parametrize("damaged", ["images/proxy.tar", "bundle.json"])
def test_a_damaged_bundle_is_not_ready(bundle_path: Path, damaged: str) -> None:
    ready = in_cache(bundle_path)
    (ready / damaged).write_bytes(b"damaged")
    assert front.ready(ready.parent, Recipe()) is None


def test_a_wrong_version_is_refused_before_anything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"1\.19\.11"):
        front.build(tmp_path / "cache", kubernetes_version="1.19.11", architecture="amd64")
    assert not (tmp_path / "cache").exists()


def test_stages_are_discarded_and_bundles_stay(bundle_path: Path) -> None:
    ready = in_cache(bundle_path)
    for name in ("root-123", "source-456.part", "kept", "logs"):
        (ready.parent / name).mkdir()
    front.discard_stages(ready.parent)
    assert [path.name for path in ready.parent.iterdir() if path.is_dir()] == [ready.name]
