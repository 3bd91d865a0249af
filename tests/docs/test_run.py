"""The documents, run: each `console` block says what a reader sees today.

The first `yaml` block of a document lies in the directory as `inventory.yaml`, with a lab for the servers it names.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.docs.conftest import LAB, SERVERS, Shell
from tests.docs.markdown import ROOT, blocks
from tests.docs.servers import in_the_lab
from tests.docs.transcript import Example, examples, matches

pytestmark = pytest.mark.e2e

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial" / "first-cluster.md"
SERVERS_GUIDE = ROOT / "docs" / "how-to" / "existing-servers.md"
# Run by test_vagrant.py.
VAGRANT_TUTORIAL = ROOT / "docs" / "tutorial" / "vagrant.md"
UP, DOWN = "make up", "make down"


def of(document: Path) -> list[Example]:
    """All commands of a document in order."""
    return [example for block in blocks(document, "console") for example in examples(block)]


def follow(shell: Shell, steps: Iterable[Example], directory: Path) -> None:
    """Run the commands and compare; the first that is not as shown ends it, with both texts."""
    for step in steps:
        done = shell.run(step.command, directory)
        assert done.returncode == 0, f"{step.where}: $ {step.command}\nexit code {done.returncode}\n{done.stdout}"
        said = done.stdout
        assert matches(step.output, said), "\n".join(
            [f"{step.where}: $ {step.command}", "--- shown:", *step.output, "--- said:", said]
        )


def lay_out(document: Path, directory: Path, lab: Path) -> None:
    """Write the document's first inventory where its commands find it."""
    shown = blocks(document, "yaml")[0].text
    (directory / "inventory.yaml").write_text(in_the_lab(shown, lab))


def test_every_document_with_commands_is_run() -> None:
    found = {path for path in (ROOT / "docs").rglob("*.md") if blocks(path, "console")}
    assert found == {TUTORIAL, SERVERS_GUIDE, VAGRANT_TUTORIAL}


def test_make_does_what_stands_in_for_it() -> None:
    for target in ("up", "down"):
        argv = ["make", "--no-print-directory", "--dry-run", target]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1].strip() == f"provisioner lab {target}"


@pytest.fixture(scope="module")
def brought_up(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `make up` says on a machine without a lab. The tutorial and the README share this run and its lab."""
    done = shell.run(UP, tmp_path_factory.mktemp("up"))
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("document", [README, TUTORIAL], ids=["readme", "tutorial"])
def test_make_up(document: Path, brought_up: str) -> None:
    shown = next(step for step in of(document) if step.command == UP)
    assert matches(shown.output, brought_up), "\n".join([shown.where, *shown.output, "--- said:", brought_up])


@pytest.mark.usefixtures("brought_up")
def test_readme(shell: Shell, tmp_path: Path) -> None:
    lay_out(README, tmp_path, shell.inventory(LAB))
    follow(shell, [step for step in of(README) if step.command != UP], tmp_path)


@pytest.mark.usefixtures("brought_up")
def test_tutorial(shell: Shell, tmp_path: Path) -> None:
    """All of it, to the end, which takes the lab down."""
    steps = of(TUTORIAL)
    assert (steps[0].command, steps[-1].command) == (UP, DOWN)
    follow(shell, steps[1:], tmp_path)


def test_existing_servers(shell: Shell, tmp_path: Path) -> None:
    """On fresh machines, which become a cluster on the way."""
    up = f"provisioner lab up --name {SERVERS} --workers 1 --machines-only"
    assert shell.run(up, tmp_path).returncode == 0
    lay_out(SERVERS_GUIDE, tmp_path, shell.inventory(SERVERS))
    follow(shell, of(SERVERS_GUIDE), tmp_path)
