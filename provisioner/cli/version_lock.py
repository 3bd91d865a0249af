"""`provisioner lock`: write exact versions to a file once; show what has changed at the sources since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provisioner.bundle.upstream.registry import Registry
from provisioner.cli.common import Frame
from provisioner.core.report import Listener, Note
from provisioner.engine.gathering import look_at
from provisioner.engine.losses import stop_for
from provisioner.engine.repositories import ask
from provisioner.engine.session import load_version_lock, open_session
from provisioner.errors import BuildError, PreflightError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.paths import write_atomic
from provisioner.preflight import sources
from provisioner.sources.version_lock import (
    VersionLock,
    changes,
    drift,
    from_registries,
    image_digests,
    image_drift,
    lock_of,
    path_for,
)
from provisioner.world.view import View


def write(cluster: Cluster, told: Frame) -> None:
    """Ask all sources and write the file; differences from the previous file are shown line by line."""
    path = path_for(cluster.path)
    view = _asked(cluster, told)
    before = load_version_lock(cluster)
    after = lock_of(view, digests(from_registries(view), before, told))
    if before == after:
        told(Note(f"{path}: nothing has changed"))
        return
    for line in changes(before, after) if before else ():
        told(Note(line))
    write_atomic(path, after.model_dump_json(indent=2) + "\n")
    number, images = sum(len(product.packages) for product in after.products), len(after.images)
    told(Note(f"written to {path}: {number} packages, {images} images; plan and apply follow it from now on"))


def check(cluster: Cluster, told: Frame) -> bool:
    """Whether the sources still have everything that was locked; what has changed is shown."""
    path = path_for(cluster.path)
    lock = load_version_lock(cluster)
    if lock is None:
        raise UsageError(f"{path}: the lock file does not exist", hint="`provisioner lock` writes it.")
    lines = drift(lock, _asked(cluster, told, judge=False))
    lines += image_drift(lock, _resolved(image_digests(lock)))
    for line in lines:
        told(Note(line))
    if not lines:
        told(Note(f"{path}: the sources still have everything as locked"))
    return not lines


def digests(names: Iterable[str], before: VersionLock | None, told: Listener) -> dict[str, str]:
    """The digests of images, asked from this machine; BuildError for an image that does not exist.

    When registries do not answer from here, the hosts may still reach them: images are then locked by name only. But
    digests that are locked already are kept, and the error is raised.
    """
    try:
        found = _resolved(names)
    except BuildError as error:
        if before and image_digests(before):
            raise
        told(Note(f"images are locked by name only: {error.message}"))
        return {}
    missing = [name for name, digest in found.items() if not digest]
    if missing:
        hint = "Is that version released? Is cluster.image_repository right? `images: bundle` takes them from a bundle."
        raise BuildError(f"the registry has no {', '.join(missing)}", hint=hint)
    return found


def _resolved(names: Iterable[str]) -> dict[str, str]:
    registry = Registry()
    return {name: registry.digest(name) for name in names}


def _asked(cluster: Cluster, told: Frame, *, judge: bool = True) -> View:
    """What all sources offer to every host now; PreflightError when that is not what the inventory asks for."""
    with open_session(cluster, told) as session:
        fleet = session.run.fleet
        view, errors = look_at(fleet, _unpinned(session.view), tuple(fleet.transports))
        stop_for(errors)
        view, errors = ask(fleet, view, told, everything=True)
        stop_for(errors)
    problems = tuple(problem for rule in sources.RULES for problem in rule(view)) if judge else ()
    if problems:
        raise PreflightError(f"{len(problems)} finding(s) to fix first; nothing was written", problems)
    return view


def _unpinned(view: View) -> View:
    """The view as if there were no lock file: it is about to be written, or to be compared with."""
    return replace(view, materials=replace(view.materials, pinned={}))
