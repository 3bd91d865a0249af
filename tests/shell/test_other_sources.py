"""Definitions of package sources, found and taken out by the real sh and awk, in a directory of the test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.core.resource import Change
from provisioner.resources.other_sources import OtherSources
from tests.builders import ok
from tests.patience import LONGEST_S

LEGACY = "deb https://apt.kubernetes.io/ kubernetes-xenial main"
DEBIAN = "deb http://mirror.example/debian bookworm main"
STANZA = "Types: deb\nURIs: https://pkgs.k8s.io/core:/stable:/v1.30/deb/\nSuites: /\nSigned-By: /x.gpg\n"
OTHER = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A directory in the place of /etc/apt, with a file of ours that is left alone."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "kubernetes.sources").write_text(STANZA)
    return tmp_path


def do(etc: Path, command: Command) -> str:
    words = [word.replace("/etc/apt", str(etc)) for word in command.argv]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=LONGEST_S).stdout


def cleaned(etc: Path) -> Change | None:
    """Look, do what is to be done, and look again: nothing is left."""
    want = OtherSources(
        "kubernetes", "/etc/apt/sources.list.d/kubernetes.sources", ("apt.kubernetes.io", "pkgs.k8s.io/core:")
    )
    change = want.diff(ok(do(etc, want.probe()).replace(str(etc), "/etc/apt")), set())
    for command in change.commands if change else ():
        do(etc, command)
    assert do(etc, want.probe()) == ""
    assert (etc / "sources.list.d" / "kubernetes.sources").read_text() == STANZA
    return change


def test_nothing_else_is_there(etc: Path) -> None:
    assert cleaned(etc) is None


def test_a_file_of_its_own_goes(etc: Path) -> None:
    file = etc / "sources.list.d" / "kubernetes.list"
    file.write_text(f"# by hand\n{LEGACY}\n")
    change = cleaned(etc)
    assert change
    assert change.diff == f"-/etc/apt/sources.list.d/kubernetes.list: {LEGACY}\n"
    assert not file.exists()


def test_of_a_file_with_others_only_its_line_goes(etc: Path) -> None:
    (etc / "sources.list").write_text(f"{DEBIAN}\n{LEGACY}\n# {LEGACY}\n")
    assert cleaned(etc)
    assert (etc / "sources.list").read_text() == f"{DEBIAN}\n# {LEGACY}\n"


def test_of_several_paragraphs_only_its_own_goes(etc: Path) -> None:
    file = etc / "sources.list.d" / "all.sources"
    file.write_text(f"# see pkgs.k8s.io/core:\n{OTHER}\n{STANZA}\n{OTHER}")
    assert cleaned(etc)
    assert file.read_text().split("\n\n") == [f"# see pkgs.k8s.io/core:\n{OTHER}".rstrip(), OTHER.rstrip(), ""]


def test_a_paragraph_alone_goes_with_its_file(etc: Path) -> None:
    file = etc / "sources.list.d" / "k8s.sources"
    file.write_text(STANZA)
    assert cleaned(etc)
    assert not file.exists()


def test_files_that_apt_does_not_read_are_left_alone(etc: Path) -> None:
    file = etc / "sources.list.d" / "kubernetes.list.save"
    file.write_text(LEGACY)
    assert cleaned(etc) is None
    assert file.exists()
