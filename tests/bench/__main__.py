"""Measure a run with nothing to do on the machines of a running lab: ours, Ansible's, pyinfra's.

Times are shown, never judged: a benchmark says how it is, on this machine, now.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from provisioner.core.report import ignore
from provisioner.engine import loop
from provisioner.engine.loop import Outcome
from provisioner.engine.session import Session, open_session
from provisioner.errors import ProvisionerError, UsageError
from provisioner.inventory import loader
from provisioner.inventory.model import Cluster
from provisioner.labs import state
from provisioner.output.tables import table
from tests.bench import ansible_run, pyinfra_run, python, tasks, tools
from tests.bench.measure import RUNS, Program, Sample, median, once
from tests.bench.tasks import Task

# What we aim for: at most this part of the other tool's time.
AIMS = {"ansible": 20, "pyinfra": 2}
WIDTH = 110


@dataclass(frozen=True, slots=True)
class Contestant:
    """One tool, ready to run: what it is called, its command line, and its round trips per host."""

    tool: str
    title: str
    program: Program
    round_trips: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured: the cluster, its tasks by host, a directory to work in, and what is tidied up at the end."""

    session: Session
    outcome: Outcome
    tasks: Mapping[str, Sequence[Task]]
    work: Path
    tidy: ExitStack

    @property
    def cluster(self) -> Cluster:
        """The cluster whose machines are measured."""
        return self.session.cluster

    def directory(self, tool: str) -> Path:
        """A tool's own directory."""
        path = self.work / tool
        path.mkdir()
        return path


def ours(bench: Bench) -> Contestant:
    """`provisioner apply`, as a user runs it."""
    argv = (sys.executable, "-m", "provisioner", "apply", "--json", "-i", str(bench.cluster.path))
    program = Program(argv, Path.cwd())
    report = json.loads(once(program).output.splitlines()[-1])
    if report["changed"]:
        raise UsageError("something on the machines changes by itself: look at `provisioner plan -v`")
    trips = max(host["round_trips"] for host in report["hosts"].values())
    return Contestant("ours", "provisioner apply", program, trips)


def ansible(bench: Bench) -> Contestant:
    """The playbook, on machines that are lent a Python for it."""
    binaries = tools.installed("ansible")
    interpreter = bench.tidy.enter_context(python.lent(bench.session.run.fleet, bench.outcome.view))
    program = ansible_run.program(bench.cluster, bench.tasks, bench.directory("ansible"), binaries, interpreter)
    told = once(program, "-vvv").output
    ansible_run.refuse_changes(told)
    return Contestant("ansible", tools.version("ansible"), program, ansible_run.round_trips(told, bench.cluster))


def pyinfra(bench: Bench) -> Contestant:
    """The deploy."""
    binaries = tools.installed("pyinfra")
    program = pyinfra_run.program(bench.cluster, bench.tasks, bench.directory("pyinfra"), binaries)
    told = once(program, "-vvv").output
    pyinfra_run.refuse_changes(told)
    return Contestant("pyinfra", tools.version("pyinfra"), program, pyinfra_run.round_trips(told, bench.cluster))


def main() -> int:
    """Measure and show; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--inventory", type=Path, help="the lab's inventory [default: that of the only lab]")
    asked = parser.parse_args()
    out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True, highlight=False)
    try:
        with _bench(asked.inventory or _only_lab()) as bench:
            _measure(bench, out, err)
    except ProvisionerError as error:
        err.print("\n".join(filter(None, (f"error: {error}", error.details, error.hint))), markup=False)
        return error.exit_code
    return 0


def _only_lab() -> Path:
    labs = {name: state.directory(name) / state.INVENTORY for name in state.names()}
    found = {name: path for name, path in labs.items() if path.exists()}
    if len(found) == 1:
        return next(iter(found.values()))
    there = f"there are {len(found)}: {', '.join(found)}" if found else "there is none"
    raise UsageError(f"the benchmark needs a running lab, and {there}", hint="`make up`, or --inventory FILE")


@contextmanager
def _bench(inventory: Path) -> Iterator[Bench]:
    cluster = loader.load(inventory)
    with (
        open_session(cluster, ignore) as session,
        tempfile.TemporaryDirectory(prefix="bench-") as work,
        ExitStack() as tidy,
    ):
        outcome = loop.plan(session.run, session.view)
        if outcome.plan.steps:
            first = outcome.plan.steps[0]
            raise UsageError(
                f"there is something to do on these machines ({first.subject}: {first.change.summary}, ...)",
                hint=f"`provisioner apply -i {inventory}`, then again: what is measured is a run with nothing to do",
            )
        held = tasks.of_hosts(session.run.procedure, outcome.view)
        yield Bench(session, outcome, held, Path(work), tidy)


def _measure(bench: Bench, out: Console, err: Console) -> None:
    """Get all tools ready, then let them run in turns, so that a busy moment of this machine meets all of them."""
    err.print("ours: getting ready ...")
    ready, missing = [ours(bench)], []
    for other in (ansible, pyinfra):
        err.print(f"{other.__name__}: getting ready ...")
        try:
            ready.append(other(bench))
        except ProvisionerError as error:
            why = ". ".join(filter(None, (error.message, error.details)))
            missing.append(f"{other.__name__}: not measured: {why}")
    samples: dict[str, list[Sample]] = {one.tool: [] for one in ready}
    for number in range(RUNS):
        err.print(f"run {number + 1} of {RUNS} ...")
        for one in ready:
            samples[one.tool].append(once(one.program))
    medians = {tool: median(taken) for tool, taken in samples.items()}
    _show(ready, medians, out)
    out.print("\n".join([*missing, *_aims(medians), _explained(bench)]), markup=False)


def _show(ready: Sequence[Contestant], medians: Mapping[str, Sample], out: Console) -> None:
    header = ("tool", "round trips per host", "seconds", "CPU seconds here", "times ours")
    base_s = medians["ours"].seconds
    rows = (
        (one.title, str(one.round_trips), f"{took.seconds:.2f}", f"{took.cpu_s:.2f}", f"{took.seconds / base_s:.1f}")
        for one, took in ((one, medians[one.tool]) for one in ready)
    )
    out.print(table(header, rows))


def _aims(medians: Mapping[str, Sample]) -> Iterator[str]:
    for tool, part in AIMS.items():
        if tool in medians:
            times = medians[tool].seconds / medians["ours"].seconds
            verdict = "achieved" if times >= part else "not achieved"
            yield f"aim: at most 1/{part} of {tool}: {verdict} (1/{times:.1f})"


def _explained(bench: Bench) -> str:
    held = next(iter(bench.tasks.values()))
    kinds = {kind: sum(task.kind is kind for task in held) for kind in tasks.Kind}
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    load = os.getloadavg()[0]
    text = (
        f"Measured on the {len(bench.tasks)} machines of {bench.cluster.path}, from a program's start to its end: "
        f"the median of {RUNS} runs in turns, after one that does not count. "
        f"The load of this machine was {load:.1f} on {os.cpu_count()} processors. "
        f"Ansible and pyinfra hold the same {len(held)} things on every machine ({listed}); "
        "provisioner looks at these, and at facts, images, the cluster and its nodes besides. "
        f"Ansible has pipelining and {ansible_run.FORKS} forks, gathers no facts, and keeps its connections "
        "from run to run. It is lent a Python on the machines, unpacked below /var/tmp and removed again; "
        "the others need none."
    )
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
