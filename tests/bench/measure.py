"""Running a program and telling how long it took; the median of several runs, since one may meet a busy machine."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.errors import StepError

RUNS = 3
TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Program:
    """A command line, where it runs, and what it adds to the environment."""

    argv: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the clock, processor seconds on this machine, and what it said on both streams."""

    seconds: float
    cpu_s: float
    output: str


def once(program: Program, *flags: str) -> Sample:
    """Run it; StepError with the end of its output when it fails."""
    before, began_s = _cpu_s(), time.monotonic()
    done = subprocess.run(
        [*program.argv, *flags], cwd=program.directory, env={**os.environ, **program.environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    sample = Sample(time.monotonic() - began_s, _cpu_s() - before, done.stdout)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-10:])
        raise StepError(f"exit code {done.returncode} from {Path(program.argv[0]).name}", details=tail)
    return sample


def median(samples: Sequence[Sample]) -> Sample:
    """The medians of both times, and the last output."""
    seconds = statistics.median(sample.seconds for sample in samples)
    cpu_s = statistics.median(sample.cpu_s for sample in samples)
    return Sample(seconds, cpu_s, samples[-1].output)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
