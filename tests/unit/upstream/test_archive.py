"""Where a bundle's distribution comes from: this machine's own sources, a mirror that is named, nothing built in."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.bundle.common.mirror import AptSource
from provisioner.bundle.upstream.repositories import archive
from provisioner.bundle.upstream.request import Addresses, Request
from provisioner.errors import BundleError
from provisioner.inventory.values import Version

OWN = {"debian": "trixie", "ubuntu": "noble"}


@pytest.fixture
def keyrings(tmp_path: Path) -> Path:
    for name in OWN:
        (tmp_path / f"{name}-archive-keyring.gpg").touch()
    return tmp_path


@pytest.fixture(params=OWN)
def etc(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """/etc of a machine that is a Debian, or an Ubuntu."""
    name = str(request.param)
    codename = OWN[name]
    (tmp_path / name / "apt").mkdir(parents=True)
    (tmp_path / name / "os-release").write_text(f"ID={name}\nVERSION_CODENAME={codename}\n")
    line = f"deb http://own.example/{name} {codename} main universe\n"
    (tmp_path / name / "apt" / "sources.list").write_text(line)
    return tmp_path / name


def want(name: str, codename: str, mirror: str = "") -> Request:
    return Request(Version(1, 31, 2), distribution=f"{name}/{codename}", addresses=Addresses(mirror=mirror))


@pytest.mark.parametrize(("name", "codename"), [("debian", "bookworm"), ("ubuntu", "noble"), ("ubuntu", "jammy")])
def test_a_machine_makes_bundles_for_its_own_distribution_and_no_other(
    name: str, codename: str, etc: Path, keyrings: Path
) -> None:
    desired = want(name, codename)
    if etc.name != name:
        with pytest.raises(BundleError, match=f"no mirror of {name} {codename} is known") as error:
            archive(desired, etc, keyrings)
        assert "--mirror" in error.value.hint
        return
    components = ("main", "universe") if name == "ubuntu" else ("main",)
    keyring = str(keyrings / f"{name}-archive-keyring.gpg")
    assert archive(desired, etc, keyrings) == (AptSource(f"http://own.example/{name}", codename, components, keyring),)


@pytest.mark.parametrize("name", OWN)
def test_a_mirror_that_is_named_wins(name: str, etc: Path, keyrings: Path) -> None:
    found = archive(want(name, OWN[name], "http://mirror.example/x"), etc, keyrings)
    assert {source.uri for source in found} == {"http://mirror.example/x"}
    assert [source.suite for source in found] == [OWN[name], f"{OWN[name]}-updates"]


def test_without_its_keyring_it_says_what_to_install(etc: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"archive-keyring\.gpg is missing") as error:
        archive(want(etc.name, OWN[etc.name]), etc, tmp_path / "none")
    package = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}[etc.name]
    assert error.value.hint == f"Install {package}, or copy the file from a machine with {etc.name}."
