"""Where documents are run: a directory of its own as home, and labs that are named after it and go with it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT
from tests.e2e.conftest import pytest_runtest_makereport
from tests.e2e.machines import need_containers

__all__ = ["pytest_runtest_makereport"]

LAB, SERVERS = "docs", "docs-servers"
# `make` has no way to name a lab, and a developer's own is called `lab`: the same under another name.
STAND_INS = {"make up": f"provisioner lab up --name {LAB}", "make down": f"provisioner lab down --name {LAB}"}
_NOT_KEPT = ("PROVISIONER_INVENTORY", "PROVISIONER_STATE_DIR", "XDG_STATE_HOME")
# A bring-up on a machine that has never built the bundle compiles Kubernetes first.
TIMEOUT_S = 2400


@dataclass(frozen=True, slots=True)
class Shell:
    """A reader's shell. `home` keeps nothing of the user's but the cache, where bundle and image are."""

    home: Path

    @property
    def state(self) -> Path:
        """Where labs and logs are kept by default, as the documents say."""
        return self.home / ".local" / "state" / "provisioner"

    def inventory(self, lab: str) -> Path:
        """The inventory of a lab."""
        return self.state / "labs" / lab / "inventory.yaml"

    def run(self, command: str, directory: Path) -> subprocess.CompletedProcess[str]:
        """Run a command as typed, and answer every question with yes; both streams are one, as on a terminal."""
        done = subprocess.run(
            ["bash", "-c", STAND_INS.get(command, command).replace("/labs/lab/", f"/labs/{LAB}/")],
            cwd=directory, env=self._environment(), input="y\n" * 9, timeout=TIMEOUT_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return subprocess.CompletedProcess(done.args, done.returncode, self._as_in_documents(done.stdout))

    def _environment(self) -> dict[str, str]:
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_KEPT}
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": cache, "VAGRANT_CHECKPOINT_DISABLE": "1"}
        return kept | own | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "160"}

    def _as_in_documents(self, text: str) -> str:
        for word, stand_in in STAND_INS.items():
            text = text.replace(stand_in, word)
        return text.replace("[y/N]: ", "[y/N]: y\n").replace(f"/labs/{LAB}/", "/labs/lab/")


@pytest.fixture(scope="package")
def shell() -> Iterator[Shell]:
    """The shell; afterwards, and before in case that an earlier run was killed, no lab of ours exists."""
    need_containers()
    with tempfile.TemporaryDirectory(prefix="docs-") as home:
        made = Shell(Path(home))
        _remove_labs(made)
        try:
            yield made
        finally:
            _remove_labs(made)


def _remove_labs(shell: Shell) -> None:
    for lab in (LAB, SERVERS):
        done = shell.run(f"provisioner lab down --name {lab}", ROOT)
        assert done.returncode == 0, done.stdout
