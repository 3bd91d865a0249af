"""`provisioner lock`: write down exact versions once; what has changed at the sources since."""

from __future__ import annotations

from dataclasses import replace

from provisioner import engine
from provisioner.asking import ask
from provisioner.cli.common import Frame
from provisioner.core.play import View
from provisioner.core.report import Note
from provisioner.errors import PreflightError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.looking import look_at
from provisioner.preflight import sources
from provisioner.session import load_version_lock, open_session
from provisioner.sources.version_lock import changes, drift, lock_of, path_for


def write(cluster: Cluster, told: Frame) -> None:
    """Ask all sources and write the file; what is different from the one before is told, line by line."""
    path = path_for(cluster.path)
    before, after = load_version_lock(cluster), lock_of(_asked(cluster, told))
    if before == after:
        told(Note(f"{path}: nothing has changed"))
        return
    for line in changes(before, after) if before else ():
        told(Note(line))
    path.write_text(after.model_dump_json(indent=2) + "\n")
    number = sum(len(product.packages) for product in after.products)
    told(Note(f"written to {path}: {number} packages; plan and apply follow it from now on"))


def check(cluster: Cluster, told: Frame) -> bool:
    """Whether the sources still have all that was locked; what they have not is told."""
    path = path_for(cluster.path)
    lock = load_version_lock(cluster)
    if lock is None:
        raise UsageError(f"{path}: there is no lock file", hint="`provisioner lock` writes it.")
    lines = drift(lock, _asked(cluster, told, judge=False))
    for line in lines:
        told(Note(line))
    if not lines:
        told(Note(f"{path}: the sources have everything as it is written there"))
    return not lines


def _asked(cluster: Cluster, told: Frame, *, judge: bool = True) -> View:
    """What all sources offer now to every machine; PreflightError when it is not what is wished."""
    with open_session(cluster, told) as session:
        fleet = session.run.fleet
        view, errors = look_at(fleet, replace(session.view, pinned={}), tuple(fleet.transports))
        engine.stop_for(errors)
        view, errors = ask(fleet, view, told, everything=True)
        engine.stop_for(errors)
    problems = tuple(problem for rule in sources.RULES for problem in rule(view)) if judge else ()
    if problems:
        raise PreflightError(f"{len(problems)} finding(s) stand in the way; nothing was written", problems)
    return view
