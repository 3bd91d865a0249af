"""Vagrant through python-vagrant; what that library hides becomes an error.

Output that it drops is kept and explained, an empty answer is an error, and machines that do not run are skipped.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import paramiko

from provisioner.core.report import Listener, Waiting
from provisioner.errors import LabError, StepError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.vagrant_rules import provider
from provisioner.labs.vagrant.troubles import explained, machine_line

VAGRANTFILE = "Vagrantfile"
RUNNING, MISSING = "running", "not_created"
HOST = "vagrant"
_PROVIDER = "VAGRANT_DEFAULT_PROVIDER"


@dataclass(frozen=True, slots=True)
class Environment:
    """A directory with a Vagrantfile, and the inventory that it reads."""

    root: Path
    inventory: Path
    provider: str

    @property
    def state(self) -> Path:
        """Where Vagrant keeps its state of the machines, and where we keep ours."""
        given = os.environ.get("VAGRANT_DOTFILE_PATH")
        return self.root / given if given else self.root / ".vagrant"

    def variables(self) -> dict[str, str]:
        """The environment of every call: this inventory, this provider, no request to HashiCorp's server."""
        own = {"PROVISIONER_INVENTORY": str(self.inventory), _PROVIDER: self.provider}
        return {**os.environ, "VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_NO_COLOR": "1", "LC_ALL": "C.UTF-8", **own}


def find(cluster: Cluster) -> Environment:
    """The nearest Vagrantfile, beside the inventory or above; UsageError when there is none, or no machine for it."""
    named = provider(cluster)
    if not named:
        raise UsageError(
            f"{cluster.path}: no machine has settings under `vagrant:`",
            hint="add `vagrant: {}` to the variables of all; docs/reference/inventory.md lists its settings",
        )
    if cluster.path.suffix not in (".yaml", ".yml"):
        hint = "write machines and `vagrant:` into one file whose name ends in .yaml"
        raise UsageError(f"{cluster.path}: the Vagrantfile reads inventories in YAML only", hint=hint)
    directory = cluster.path.absolute().parent
    root = next((one for one in (directory, *directory.parents) if (one / VAGRANTFILE).is_file()), None)
    if root is None:
        raise UsageError(
            f"there is no Vagrantfile beside {cluster.path} or in a directory above it",
            hint="copy the one from the top of the project there",
        )
    return Environment(root, cluster.path.absolute(), os.environ.get(_PROVIDER) or named)


@contextmanager
def _vagrant(environment: Environment, doing: str) -> Iterator[tuple[Any, IO[str]]]:
    """python-vagrant in that environment, and the file that receives the output it does not return."""
    if shutil.which("vagrant") is None:
        raise LabError("Vagrant is not installed", hint="`provisioner lab prepare` installs it where possible")
    import vagrant  # noqa: PLC0415 - it looks for the program when it is imported

    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:

        @contextmanager
        def kept() -> Iterator[IO[str]]:
            yield output

        try:
            new: Callable[..., Any] = vagrant.Vagrant
            yield new(str(environment.root), env=environment.variables(), out_cm=kept, err_cm=kept), output
        except subprocess.CalledProcessError as error:
            output.seek(0)
            raise explained(doing, f"{_text(error.output)}\n{output.read()}") from error


def _text(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else str(output or "")


def version(environment: Environment) -> tuple[int, ...]:
    """Vagrant's version; LabError when it reports none."""
    with _vagrant(environment, "ask Vagrant for its version") as (program, _):
        try:
            text = str(program.version())
        except subprocess.CalledProcessError:
            raise
        except Exception as error:  # it raises no narrower class
            raise LabError("Vagrant does not report its version", hint="reinstall it", details=str(error)) from error
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def plugins(environment: Environment) -> frozenset[str]:
    """The names of installed plug-ins."""
    with _vagrant(environment, "ask Vagrant for its plug-ins") as (program, _):
        return frozenset(plugin.name for plugin in program.plugin_list())


def states(environment: Environment) -> dict[str, str]:
    """The state of every machine that the Vagrantfile knows, in Vagrant's words (running, poweroff, not_created)."""
    with _vagrant(environment, "ask Vagrant for the machines") as (program, output):
        found = {one.name: str(one.state) for one in program.status() if one.name and one.state}
        output.seek(0)
        if not found:
            raise StepError("Vagrant reports no machine", hint="try `vagrant status`", details=output.read())
    return found


def up(environment: Environment, listen: Listener) -> None:
    """`vagrant up`, with its output while it runs."""
    said = io.StringIO()
    with _vagrant(environment, "vagrant up") as (program, output):
        try:
            for line in program.up(provider=environment.provider, stream_output=True):
                said.write(line)
                machine, text = machine_line(line)
                if machine and text:
                    listen(Waiting(HOST, f"{machine}: {text}"))
        except subprocess.CalledProcessError as error:
            output.seek(0)
            raise explained("vagrant up", said.getvalue() + output.read()) from error


def call(environment: Environment, method: str, *arguments: str) -> None:
    """A command that returns nothing: halt, destroy, snapshot_save, snapshot_restore."""
    with _vagrant(environment, f"vagrant {' '.join((method.replace('_', ' '), *arguments))}") as (program, _):
        getattr(program, method)(*arguments)


def ssh_config(environment: Environment) -> paramiko.SSHConfig:
    """How the running machines are reached. One call when all run; else machine by machine.

    StepError when Vagrant reports nothing.
    """
    with _vagrant(environment, "ask Vagrant how machines are reached") as (program, output):
        try:
            text = str(program.ssh_config())
        except subprocess.CalledProcessError as error:
            running = [name for name, state in states(environment).items() if state == RUNNING]
            if not running:
                hint = f"`provisioner lab up --driver vagrant -i {environment.inventory}` starts them"
                raise LabError("no Vagrant machine is running", hint=hint) from error
            text = "\n".join(str(program.ssh_config(name)) for name in running)
        output.seek(0)
        if "HostName" not in text:
            hint, details = "try `vagrant ssh-config` beside the Vagrantfile", output.read() or text
            raise StepError("Vagrant does not report how machines are reached", hint=hint, details=details)
    return paramiko.SSHConfig.from_text(text)


def ssh(environment: Environment, machine: str, command: str) -> str:
    """What a command prints on a machine, over Vagrant's own channel; StepError when it prints nothing."""
    with _vagrant(environment, f"vagrant ssh {machine}") as (program, output):
        text = str(program.ssh(machine, command))
        output.seek(0)
        if not text.strip():
            raise StepError(f"vagrant ssh {machine}: no output", hint="try it by hand", details=output.read())
    return text
