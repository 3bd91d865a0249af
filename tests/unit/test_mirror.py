from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.bundle.common.mirror import (
    AptSource,
    address,
    apt_options,
    named,
    of_machine,
    parse_deb822,
    parse_one_line,
)

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BOOKWORM = """\
Types: deb
# a comment in the middle
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://other.example/apt
Suites: stable
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
TRIXIE = """\
# made by the installer
deb [arch=amd64 signed-by=/etc/apt/keyrings/own.gpg] http://mirror.example/debian trixie main # ours
deb-src http://mirror.example/debian trixie main
deb http://mirror.example/debian-security trixie-security main
deb http://mirror.example/debian trixie main non-free-firmware
deb http://vendor.example/deb trixie stable
"""


def etc(tmp_path: Path, os_release: str) -> Path:
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text(os_release)
    return tmp_path


def test_deb822_of_the_same_release(tmp_path: Path) -> None:
    root = etc(tmp_path, 'ID=debian\nVERSION_CODENAME="bookworm"\n')
    (root / "apt/sources.list.d/debian.sources").write_text(BOOKWORM)
    assert of_machine(root, "bookworm") == (
        AptSource("http://mirror.example/debian", "bookworm", ("main",), KEYRING),
        AptSource("http://mirror.example/debian", "bookworm-updates", ("main",), KEYRING),
        AptSource("http://mirror.example/debian-security", "bookworm-security", ("main",)),
    )


def test_one_line_of_another_release_is_turned_to_ours(tmp_path: Path) -> None:
    root = etc(tmp_path, "ID=debian\nVERSION_CODENAME=trixie\n")
    (root / "apt/sources.list").write_text(TRIXIE)
    assert [source.line() for source in of_machine(root, "bookworm")] == [
        "deb [signed-by=/etc/apt/keyrings/own.gpg] http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian-security bookworm-security main",
        "deb http://mirror.example/debian bookworm main",
    ]


@pytest.mark.parametrize(
    ("os_release", "sources"),
    [
        ("ID=ubuntu\nVERSION_CODENAME=noble\n", "deb http://mirror.example/ubuntu noble main\n"),
        ("ID=debian\nVERSION_CODENAME=bookworm\n", ""),
        ("ID=debian\n", TRIXIE),
        ("ID=debian\nVERSION_CODENAME=trixie\n", "deb http://mirror.example/s trixie-security main\n"),
        ("", TRIXIE),
    ],
)
def test_machines_that_name_no_debian_mirror(tmp_path: Path, os_release: str, sources: str) -> None:
    root = etc(tmp_path, os_release)
    (root / "apt/sources.list").write_text(sources)
    assert of_machine(root, "bookworm") == ()


UBUNTU = """\
Types: deb
URIs: http://mirror.example/ubuntu/
Suites: noble noble-updates noble-backports
Components: main restricted universe multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security/
Suites: noble-security
Components: main restricted
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""


@pytest.mark.parametrize("release", ["noble", "jammy"])
def test_an_ubuntu_machine_knows_where_ubuntu_is(tmp_path: Path, release: str) -> None:
    root = etc(tmp_path, "ID=ubuntu\nVERSION_CODENAME=noble\n")
    (root / "apt/sources.list.d/ubuntu.sources").write_text(UBUNTU)
    keyring = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
    assert of_machine(root, release, "ubuntu") == (
        AptSource("http://mirror.example/ubuntu/", release, ("main", "universe"), keyring),
        AptSource("http://mirror.example/ubuntu/", f"{release}-updates", ("main", "universe"), keyring),
        AptSource("http://mirror.example/security/", f"{release}-security", ("main",), keyring),
    )
    assert of_machine(root, "bookworm") == ()


def test_no_apt_at_all(tmp_path: Path) -> None:
    assert of_machine(tmp_path, "bookworm") == ()


def test_disabled_and_binary_only() -> None:
    found = list(parse_deb822(BOOKWORM))
    assert "http://off.example/debian" not in {source.uri for source in found}
    assert [source.keyring for source in parse_one_line("deb [signed-by=AB12] http://m x main")] == [""]


def test_a_named_mirror() -> None:
    assert [source.line("deb-src") for source in named("http://m.example/debian", "bookworm")] == [
        "deb-src http://m.example/debian bookworm main",
        "deb-src http://m.example/debian bookworm-updates main",
    ]


def test_only_what_reaching_a_mirror_needs_is_taken_from_apt() -> None:
    dump = """\
APT::Install-Recommends "1";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https "";
Acquire::https::CaInfo "/etc/ssl/own.pem";
Acquire::Check-Valid-Until "false";
Acquire::Languages "";
DPkg::Post-Invoke:: "rm -rf /";
"""
    assert apt_options(dump) == (
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::CaInfo "/etc/ssl/own.pem";',
        'Acquire::Check-Valid-Until "false";',
    )


def test_the_address_of_a_release_is_where_it_itself_comes_from(tmp_path: Path) -> None:
    root = etc(tmp_path, "ID=debian\nVERSION_CODENAME=bookworm\n")
    (root / "apt/sources.list.d/debian.sources").write_text(BOOKWORM)
    assert address(root, "bookworm") == address(root, "trixie") == "http://mirror.example/debian"
    assert address(tmp_path / "nowhere", "bookworm") is None
