"""The mirror of this machine, from the two forms apt knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.labs.mirror import Source, debian_mirror, from_this_machine, parse_deb822, parse_one_line

DEB822 = """\
Types: deb deb-src
# a comment inside a paragraph
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://elsewhere.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.example/apt
Suites: stable
Components:
 main
 extra
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://vendor.example/apt stable main
deb-src http://mirror.example/debian bookworm main
deb   http://mirror.example/debian/ bookworm main contrib # ours
deb [trusted=yes] broken
"""


def test_deb822_gives_one_source_per_suite() -> None:
    sources = list(parse_deb822(DEB822))
    assert sources == [
        Source("http://mirror.example/debian", "bookworm", ("main", "contrib")),
        Source("http://mirror.example/debian", "bookworm-updates", ("main", "contrib")),
        Source("http://mirror.example/debian-security", "bookworm-security", ("main",)),
        Source("https://vendor.example/apt", "stable", ("main", "extra")),
    ]


def test_one_line_form_with_options_and_comments() -> None:
    assert list(parse_one_line(ONE_LINE)) == [
        Source("https://vendor.example/apt", "stable", ("main",)),
        Source("http://mirror.example/debian/", "bookworm", ("main", "contrib")),
    ]


@pytest.mark.parametrize(("codename", "expected"), [("bookworm", "http://mirror.example/debian"), ("trixie", None)])
def test_the_mirror_is_where_the_release_itself_comes_from(codename: str, expected: str | None) -> None:
    assert debian_mirror(parse_deb822(DEB822), codename) == expected


def _etc(folder: Path, identity: str) -> Path:
    (folder / "apt" / "sources.list.d").mkdir(parents=True)
    (folder / "os-release").write_text(f'ID={identity}\nVERSION_CODENAME=bookworm\nPRETTY_NAME="x=y"\n')
    (folder / "apt" / "sources.list.d" / "debian.sources").write_text(DEB822)
    return folder


@pytest.mark.parametrize(
    ("identity", "expected"),
    [("debian", "http://mirror.example/debian"), ('"debian"', "http://mirror.example/debian"), ("ubuntu", None)],
)
def test_only_a_debian_knows_a_debian_mirror(tmp_path: Path, identity: str, expected: str | None) -> None:
    assert from_this_machine(_etc(tmp_path, identity)) == expected


def test_a_machine_without_apt_knows_none(tmp_path: Path) -> None:
    assert from_this_machine(tmp_path) is None
