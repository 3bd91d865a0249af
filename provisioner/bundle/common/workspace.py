"""How a killed build continues: a build is a sequence of stages, and each makes one directory. A stage works in
`NAME-KEY.part`, which is renamed to `NAME-KEY` when done, so what has that name is complete. KEY is a hash of all
inputs of the stage, so a changed recipe repeats the stages that depend on the change and no others.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provisioner.bundle.common.process import SPEAKER, Runner
from provisioner.core.report import Listener, step
from provisioner.errors import LockHeldError

KEY_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage is given: its empty directory, the directories of finished stages by name, and a runner."""

    into: Path
    done: Mapping[str, Path]
    runner: Runner
    kept: Path  # survives a killed stage; for caches such as Go's


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the build: `inputs` is everything its result depends on besides the stages it `needs`."""

    name: str
    title: str
    make: Callable[[Work], None]
    inputs: tuple[object, ...] = ()
    needs: tuple[Stage, ...] = ()

    @property
    def key(self) -> str:
        """A hash of all inputs, including those of all stages before it."""
        parts = [self.name, [repr(item) for item in self.inputs], [stage.key for stage in self.needs]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:KEY_DIGITS]

    @property
    def directory(self) -> str:
        """The name of its result."""
        return f"{self.name}-{self.key}"


def finish(stage: Stage, workspace: Path, listen: Listener) -> Path:
    """The stage's directory, made now unless it exists. The stages it needs must be finished."""
    ready = workspace / stage.directory
    if ready.is_dir():
        return ready
    into = ready.with_name(ready.name + ".part")
    with step(listen, SPEAKER, stage.title):
        remove_tree(into)
        into.mkdir(parents=True)
        stage.make(_work(stage, workspace, into, listen))
        settle(into, ready)
    return ready


def settle(part: Path, ready: Path) -> None:
    """Give finished work its name; even after a power cut, only complete content has the name."""
    os.sync()
    part.rename(ready)


def remove_tree(path: Path) -> None:
    """Remove a directory. What is mounted below it is unmounted first, so nothing outside is ever deleted."""
    for mount in mounts_below(path.resolve(), Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        subprocess.run(["umount", "--lazy", mount], check=True)
    if path.exists():
        shutil.rmtree(path)


def mounts_below(path: Path, mountinfo: str) -> list[str]:
    """The mount points at or below a path, innermost first; see proc(5) for the format of mountinfo."""
    points = [re.sub(r"\\(\d{3})", _octal, line.split()[4]) for line in mountinfo.splitlines()]
    return sorted((point for point in points if Path(point).is_relative_to(path)), reverse=True)


@contextmanager
def only_one(workspace: Path) -> Iterator[None]:
    """Prevent a second build while this one works; LockHeldError names the process. The lock ends with ours."""
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LockHeldError(
                f"another build is working in {workspace}: {file.read().strip() or 'unknown'}",
                hint="Wait until it is done, then run the same command again: what it has finished is kept.",
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        file.flush()
        yield


def _work(stage: Stage, workspace: Path, into: Path, listen: Listener) -> Work:
    logs, kept = workspace / "logs", workspace / "kept"
    for directory in (logs, kept):
        directory.mkdir(exist_ok=True)
    log = logs / f"{stage.name}.log"
    log.write_text(f"{stage.title}\n", encoding="utf-8")
    done = {needed.name: workspace / needed.directory for needed in stage.needs}
    return Work(into, done, Runner(log, listen), kept)


def _octal(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))
