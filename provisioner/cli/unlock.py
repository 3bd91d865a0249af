"""`provisioner unlock`: show which run holds the run lock of a cluster, and remove the lock of a dead run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import typer

from provisioner.core.report import Listener, Note
from provisioner.engine.fleet import Fleet
from provisioner.engine.holders import described, is_alive, judged
from provisioner.engine.losses import stop_for
from provisioner.engine.run_lock import asked
from provisioner.engine.session import open_fleet
from provisioner.errors import LockHeldError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.transports.protocol import Transport
from provisioner.world import lock
from provisioner.world.lock import Holder, Word


def unlock(cluster: Cluster, told: Listener, *, yes: bool, may_ask: bool) -> None:
    """Show the run lock on every control plane, and remove it if the user agrees."""
    control_planes = [host.name for host in cluster.control_planes]
    with open_fleet(cluster, control_planes, told) as fleet:
        unlock_on(fleet, control_planes, told, yes=yes, may_ask=may_ask)


def unlock_on(fleet: Fleet, control_planes: Iterable[str], told: Listener, *, yes: bool, may_ask: bool) -> None:
    """The same for a fleet that is open. A control plane that does not answer is an error at the end."""
    answers = fleet.each(control_planes, _ask)
    found = {host: holder for host, holder in answers.good.items() if isinstance(holder, Holder)}
    for host, holder in found.items():
        told(Note(f"{host}: {described(holder)}: {judged(holder)}"))
    if not found and not answers.bad:
        told(Note("no run holds the run lock of this cluster"))
    if found and _is_agreed(found, yes=yes, may_ask=may_ask):
        removed = fleet.each(found, partial(_remove, found))
        for host, word in removed.good.items():
            told(Note(f"{host}: the run lock is {'removed' if word is Word.REMOVED else 'gone already'}"))
        stop_for(removed.bad)
    stop_for(answers.bad)


def _ask(host: str, transport: Transport) -> Holder | Word:
    transport.open()
    return asked(host, transport, lock.show(), "read", Word.FREE)


def _remove(found: Mapping[str, Holder], host: str, transport: Transport) -> Word:
    """Only the lock that was shown: another run may have taken it meanwhile."""
    other = asked(host, transport, lock.remove(found[host].seal), "removed", Word.REMOVED, Word.FREE)
    if isinstance(other, Holder):
        raise LockHeldError(f"{host}: another run has taken the run lock meanwhile: {described(other)}")
    return other


def _is_agreed(found: Mapping[str, Holder], *, yes: bool, may_ask: bool) -> bool:
    """LockHeldError for a live run, unless `yes`; UsageError when the user cannot be asked."""
    if yes:
        return True
    if any(is_alive(holder) for holder in found.values()):
        raise LockHeldError(
            "the run that holds the run lock is at work; the run lock was not removed",
            hint="Wait for it, or stop it where it runs. To remove its lock all the same: `provisioner unlock --yes`; "
            "the run then stops before its next play.",
        )
    if not may_ask:
        raise UsageError(
            "the run lock was not removed: there is no terminal to ask on",
            hint="`provisioner unlock --yes` removes it without asking.",
        )
    return typer.confirm("Remove it?")
