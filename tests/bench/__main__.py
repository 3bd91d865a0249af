"""Measure a run with nothing to do on the machines of a running lab: ours, Ansible's, pyinfra's.

Times are shown, never judged: a benchmark says how it is, on this machine, now.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from provisioner import engine
from provisioner.console import table
from provisioner.core.report import ignore
from provisioner.engine import Outcome
from provisioner.errors import ProvisionerError, UsageError
from provisioner.inventory import loader
from provisioner.inventory.model import Cluster
from provisioner.labs import state
from provisioner.session import Session, open_session
from tests.bench import ansible_run, pyinfra_run, python, tasks, tools
from tests.bench.measure import RUNS, Program, Sample, median, once
from tests.bench.tasks import Task

# What we aim for: at most this part of the other tool's time.
AIMS = {"ansible": 20, "pyinfra": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """One tool: its name and version, round trips per host (None: not known), and its times, or why there are none."""

    tool: str
    title: str
    round_trips: int | None = None
    sample: Sample | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured: the cluster, its tasks by host, and a directory to work in."""

    cluster: Cluster
    session: Session
    outcome: Outcome
    tasks: Mapping[str, Sequence[Task]]
    work: Path

    def directory(self, tool: str) -> Path:
        """A tool's own directory."""
        path = self.work / tool
        path.mkdir()
        return path


def ours(bench: Bench) -> Row:
    """`provisioner apply`, as a user runs it."""
    argv = (sys.executable, "-m", "provisioner", "apply", "--json", "-i", str(bench.cluster.path))
    program = Program(argv, Path.cwd())
    once(program)
    sample = median([once(program) for _ in range(RUNS)])
    report = json.loads(sample.output.splitlines()[-1])
    if report["changed"]:
        raise UsageError("something on the machines changes by itself: run `provisioner apply` and then this again")
    trips = max(host["round_trips"] for host in report["hosts"].values())
    return Row("ours", "provisioner apply", trips, sample)


def ansible(bench: Bench) -> Row:
    """The playbook, on machines that are lent a Python for it."""
    binaries = tools.installed("ansible")
    with python.lent(bench.session.run.fleet, bench.outcome.view) as interpreter:
        program = ansible_run.program(bench.cluster, bench.tasks, bench.directory("ansible"), binaries, interpreter)
        told = once(program, "-vvv").output
        ansible_run.refuse_changes(told)
        sample = median([once(program) for _ in range(RUNS)])
    title = f"{tools.version('ansible')}, pipelining, forks {ansible_run.FORKS}"
    return Row("ansible", title, ansible_run.round_trips(told, bench.cluster), sample)


def pyinfra(bench: Bench) -> Row:
    """The deploy."""
    binaries = tools.installed("pyinfra")
    program = pyinfra_run.program(bench.cluster, bench.tasks, bench.directory("pyinfra"), binaries)
    told = once(program, "-vvv").output
    pyinfra_run.refuse_changes(told)
    sample = median([once(program) for _ in range(RUNS)])
    return Row("pyinfra", tools.version("pyinfra"), pyinfra_run.round_trips(told, bench.cluster), sample)


def main() -> int:
    """Measure and show; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--inventory", type=Path, help="the lab's inventory [default: that of the only lab]")
    asked = parser.parse_args()
    out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True, highlight=False)
    try:
        with _bench(asked.inventory or _only_lab()) as bench:
            rows = [_measured(tool, bench, err) for tool in (ours, ansible, pyinfra)]
            _show(rows, bench, out)
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
    with open_session(cluster, ignore) as session, tempfile.TemporaryDirectory(prefix="bench-") as work:
        outcome = engine.plan(session.run, session.view)
        if outcome.plan.steps:
            first = outcome.plan.steps[0]
            raise UsageError(
                f"there is something to do on these machines ({first.host}: {first.change.summary}, ...)",
                hint=f"`provisioner apply -i {inventory}`, then again: what is measured is a run with nothing to do",
            )
        yield Bench(cluster, session, outcome, tasks.of_hosts(session.run.playbook, outcome.view), Path(work))


def _measured(tool: Callable[[Bench], Row], bench: Bench, err: Console) -> Row:
    """Only our own figures must be there; another tool that cannot be had or run says why."""
    name = tool.__name__
    err.print(f"measuring {name} ...")
    try:
        return tool(bench)
    except ProvisionerError as error:
        if tool is ours:
            raise
        return Row(name, name, why=". ".join(filter(None, (error.message, error.details))))


def _show(rows: Sequence[Row], bench: Bench, out: Console) -> None:
    base = rows[0].sample
    header = ("tool", "round trips per host", f"seconds (median of {RUNS})", "CPU seconds here", "times ours")
    out.print(table(header, (_cells(row, base) for row in rows)))
    for row in rows:
        if row.why:
            out.print(f"{row.title}: not measured: {row.why}", markup=False)
    for row in rows[1:]:
        if row.sample and base:
            part = row.sample.seconds / base.seconds
            verdict = "achieved" if part >= AIMS[row.tool] else "not achieved"
            out.print(f"aim: at most 1/{AIMS[row.tool]} of {row.tool}: {verdict} (1/{part:.1f})")
    out.print(_explained(bench), markup=False)


def _cells(row: Row, base: Sample | None) -> tuple[str, ...]:
    if row.sample is None or base is None:
        return (row.title, "-", "-", "-", "-")
    trips = "-" if row.round_trips is None else str(row.round_trips)
    times = (f"{row.sample.seconds:.2f}", f"{row.sample.cpu_s:.2f}", f"{row.sample.seconds / base.seconds:.1f}")
    return (row.title, trips, *times)


def _explained(bench: Bench) -> str:
    held = next(iter(bench.tasks.values()))
    kinds = {kind: sum(task.kind is kind for task in held) for kind in tasks.Kind}
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    load = os.getloadavg()[0]
    return (
        f"Measured on the {len(bench.tasks)} machines of {bench.cluster.path},\n"
        f"from the start of the program to its end, "
        f"after one run that does not count; load of this machine now {load:.1f} on {os.cpu_count()} processors.\n"
        f"Ansible and pyinfra hold the same {len(held)} things on every machine ({listed});\n"
        "provisioner apply looks at these, and at facts, images, the cluster and its nodes besides.\n"
        "Ansible gathers no facts, keeps its connections from run to run, and is lent a Python on the machines, which\n"
        "the others do not need; it is unpacked below /var/tmp and removed again."
    )


if __name__ == "__main__":
    sys.exit(main())
