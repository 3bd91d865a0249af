"""Exact versions written down once: another file under the same version is not installed, and what a machine has
otherwise is brought back.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Tally
from tests.e2e.ground import Ground
from tests.e2e.world import Said, provisioner
from tests.repositories.server import give

pytestmark = pytest.mark.e2e

CASES = "package source cases tried"


@pytest.fixture(scope="module")
def inventory(sources: Ground) -> Path:
    """With the lock file beside it. One machine has packages of the layout of old, at the same upstream version."""
    old = sources.packages("apply", "--limit", "w1", package_source=sources.legacy())
    assert old.code == 0, old
    made = sources.inventory("locked.yaml")
    locked = provisioner("lock", "-i", str(made), "--json")
    assert locked.code == 0, locked
    return made


def apply(sources: Ground) -> Said:
    return sources.packages("apply", file="locked.yaml")


def test_versions_hashes_keys_and_images_are_written_down(sources: Ground, inventory: Path, tally: Tally) -> None:
    tally(CASES, 1)
    written = json.loads(inventory.with_name("locked.versions.lock").read_text())
    products = {one["product"]: one for one in written["products"]}
    assert products["docker"]["fingerprints"] == [sources.site.keys["docker"].fingerprint]
    versions = {each["name"]: each["version"] for one in products.values() for each in one["packages"]}
    assert versions["docker-ce"] == "5:20.10.24~3-0~debian-bookworm"
    assert versions["kubelet"] == "1.20.2-1.1"
    assert all(len(each["sha256"]) == 64 for one in products.values() for each in one["packages"])
    assert all(len(image["archive_sha256"]) == 64 for image in written["images"])


def test_what_has_changed_at_the_sources_is_said(sources: Ground, inventory: Path, tally: Tally) -> None:
    tally(CASES, 1)
    check = ("lock", "--check", "-i", str(inventory), "--json")
    same = provisioner(*check)
    assert same.code == 0, same
    with sources.server.answering("docker/*/gpg", give(sources.site.keys["stranger"].armored.encode())):
        other = provisioner(*check)
    assert other.code == 10, other
    assert sources.site.keys["stranger"].fingerprint in other.stdout


def test_another_file_under_the_same_version_is_not_installed(sources: Ground, inventory: Path, tally: Tally) -> None:
    tally(CASES, 1)
    sources.site.rebuild_cri_tools()
    refused = apply(sources)
    assert refused.code == 5, refused
    assert "cri-tools=1.20.0-1.1" in refused.stdout
    assert sources.held("w1")["cri-tools"] == "1.13.0-01"
    again = provisioner("lock", "-i", str(inventory), "--json")
    assert again.code == 0, again
    assert "file of cri-tools" in again.stdout


def test_machines_follow_the_lock_file(sources: Ground, inventory: Path, tally: Tally) -> None:
    """All of the same platform get the same, whatever they had."""
    tally(CASES, 1)
    done = apply(sources)
    assert done.code == 0, done
    assert sources.held("w1") == sources.held("cp1")
    second = apply(sources)
    assert (second.code, second.changed) == (0, []), second
    other = sources.packages("apply", file="locked.yaml", runtime=sources.docker("20.10.23"))
    assert other.code == 3, other
    assert "lock-mismatch" in other.stdout
