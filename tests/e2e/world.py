"""A lab as the end-to-end tests see it: machines to speak to, and the product to run as a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.patience import LONGEST_S

# A token in the form kubeadm wants, which can be recognised wherever it turns up.
PLANTED_TOKEN = "plantd.plantedsecret001"
PLANTED_KEY = PLANTED_TOKEN.partition(".")[2]
# The product as a user runs it, but with a token that the tests know.
PROGRAM = """
import os, signal
import provisioner.engine.session
# What is started in the background of a script ignores Ctrl-C, and so does what that starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
from provisioner.inventory.values import Secret
provisioner.engine.session.new_token = lambda: Secret(os.environ["PLANTED_TOKEN"], "join token")
from provisioner.cli import main
main()
"""

# The token comes in the environment, which only its owner can read.
ENVIRONMENT = {**os.environ, "PLANTED_TOKEN": PLANTED_TOKEN}


@dataclass(frozen=True)
class Said:
    """What a run of the product printed, and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines."""
        return [json.loads(line) for line in self.stdout.splitlines() if line.startswith("{")]

    @property
    def report(self) -> dict[str, Any]:
        """The last JSON line."""
        return self.events[-1]

    @property
    def planned(self) -> list[tuple[str, str]]:
        """The steps of a plan as (host, summary)."""
        return [(e["host"], e["summary"]) for e in self.events if e.get("event") == "step_planned"]

    @property
    def changed(self) -> list[tuple[str, str]]:
        """The steps that were done, as (host, title)."""
        done = (e for e in self.events if e.get("event") == "step_ended" and e["outcome"] == "changed")
        return [(e["host"], e["title"]) for e in done]

    def __repr__(self) -> str:
        """For a failing assertion: the end tells what went wrong."""
        return f"exit code {self.code}\n{self.stdout[-6000:]}\n{self.stderr[-3000:]}"


def provisioner(*arguments: str, timeout_s: int = 2400, environment: dict[str, str] | None = None) -> Said:
    """Run the product in a process of its own, without a terminal."""
    env = {**ENVIRONMENT, **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=env,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@dataclass
class World:
    """A lab and its inventory."""

    name: str
    inventory: Path
    machines: list[str]
    notes: dict[str, Any] = field(default_factory=dict)

    def run(self, command: str, *arguments: str, **more: Any) -> Said:
        """Run a command of the product on this lab's inventory."""
        return provisioner(*command.split(), "-i", str(self.inventory), *arguments, **more)

    def json(self, command: str, *arguments: str, **more: Any) -> Said:
        """The same with `--json`."""
        return self.run(command, "--json", *arguments, **more)

    def shell(self, machine: str, script: str, *, check: bool = True) -> str:
        """Run a script as root on a machine, over the engine and not over the product; what it prints."""
        argv = ["docker", "exec", "-i", f"provisioner-lab-{self.name}-{machine}", "sh", "-eu"]
        done = subprocess.run(argv, input=script, capture_output=True, text=True, timeout=LONGEST_S, check=False)
        assert not check or done.returncode == 0, f"{machine}: {script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        """kubectl on the control plane."""
        words = " ".join(f"'{word}'" for word in arguments)
        return self.shell("cp1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf {words}")

    @contextmanager
    def changed_inventory(self, **cluster: Any) -> Iterator[Path]:
        """The inventory with other settings under `cluster:`, beside the original; gone afterwards."""
        document = yaml.safe_load(self.inventory.read_text())
        document["all"]["vars"]["cluster"] |= cluster
        with self.other_inventory(document) as path:
            yield path

    @contextmanager
    def other_inventory(self, document: dict[str, Any]) -> Iterator[Path]:
        """Another inventory beside the original; gone afterwards."""
        path = self.inventory.with_name("changed.yaml")
        path.write_text(yaml.safe_dump(document))
        try:
            yield path
        finally:
            path.unlink()

    def document(self) -> dict[str, Any]:
        """The inventory as plain data, to change."""
        document: dict[str, Any] = yaml.safe_load(self.inventory.read_text())
        return document


def token_like(text: str) -> set[str]:
    """Everything in a text that has the form of a join token."""
    return set(re.findall(r"(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])", text))
