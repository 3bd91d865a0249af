"""`provisioner lock`, and what is wrong with the files around package sources, without machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TESTS
from tests.unit.cli.conftest import GOOD, Call, write

KEY = (TESTS / "cases" / "sources" / "key.asc").read_text()
SOURCE = "{type: legacy, url: https://mirror.example, key: key.asc}"
LEGACY = GOOD.replace("{type: bundle, path: nowhere-bundle}", SOURCE)


def test_nothing_to_check_without_a_lock_file(call: Call) -> None:
    Path("key.asc").write_text(KEY)
    said = call("lock", "--check", "-i", write("here.yaml", LEGACY))
    assert said.code == 2
    assert "here.versions.lock: the lock file does not exist" in said.err
    assert "`provisioner lock` writes it" in said.err


@pytest.mark.parametrize("text", ["", "kubelet: 1.20.2", '{"format": 2}'], ids=["empty", "YAML", "another format"])
def test_a_lock_file_that_is_none(call: Call, text: str) -> None:
    Path("key.asc").write_text(KEY)
    Path("here.versions.lock").write_text(text)
    said = call("plan", "-i", write("here.yaml", LEGACY))
    assert said.code == 2
    assert "here.versions.lock: is not a valid lock file" in said.err
    assert "provisioner lock" in said.err


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"\x99\x01", b"\xff\xfe"], ids=["empty", "a page", "cut off", "other"]
)
def test_a_key_that_is_none(call: Call, data: bytes) -> None:
    Path("key.asc").write_bytes(data)
    said = call("plan", "-i", write("here.yaml", LEGACY))
    assert said.code == 2
    assert "key.asc: is " in said.err
    assert "OpenPGP public key" in said.err
