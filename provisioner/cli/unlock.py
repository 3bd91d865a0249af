"""`provisioner unlock`: who holds the lock of a cluster, and taking it away when nobody will give it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import typer

from provisioner import engine
from provisioner.core import lock
from provisioner.core.lock import Holder
from provisioner.core.report import Listener, Note
from provisioner.errors import LockHeldError, UsageError
from provisioner.fleet import Fleet
from provisioner.inventory.model import Cluster
from provisioner.lease import described, is_dead, is_over
from provisioner.session import open_fleet
from provisioner.transports.protocol import Transport


def unlock(cluster: Cluster, told: Listener, *, yes: bool, may_ask: bool) -> None:
    """Show the lock on every control plane and remove it, once that was agreed to."""
    planes = [host.name for host in cluster.control_planes]
    with open_fleet(cluster, planes, told) as fleet:
        unlock_on(fleet, planes, told, yes=yes, may_ask=may_ask)


def unlock_on(fleet: Fleet, planes: Iterable[str], told: Listener, *, yes: bool, may_ask: bool) -> None:
    """The same on machines that are open. A control plane that does not answer is the error in the end."""
    asked = fleet.each(planes, _ask)
    found = {host: holder for host, holder in asked.good.items() if holder}
    for host, holder in found.items():
        told(Note(f"{host}: {described(holder)}: {_judged(holder)}"))
    if not found and not asked.bad:
        told(Note("nobody holds the lock of this cluster"))
    if found and _is_agreed(found, yes=yes, may_ask=may_ask):
        removed = fleet.each(found, partial(_remove, found))
        for host in removed.good:
            told(Note(f"{host}: the lock is removed"))
        engine.stop_for(removed.bad)
    engine.stop_for(asked.bad)


def _ask(host: str, transport: Transport) -> Holder | None:
    transport.open()
    (result,) = transport.run([lock.show()])
    return lock.read(result.stdout)


def _remove(found: Mapping[str, Holder], host: str, transport: Transport) -> None:
    """Only the lock that was shown: another run may have taken it meanwhile."""
    _, seen = transport.run([lock.release(found[host].run), lock.show()])
    if other := lock.read(seen.stdout):
        raise LockHeldError(f"{host}: another run has taken the lock meanwhile: {described(other)}")


def _judged(holder: Holder) -> str:
    if is_over(holder.run):
        return "a run of this machine that is not there any more"
    if holder.stale:
        return f"silent for more than {lock.STALE_S} s, so that the next apply takes it over"
    return "at work"


def _is_agreed(found: Mapping[str, Holder], *, yes: bool, may_ask: bool) -> bool:
    """LockHeldError for a run at work, unless `yes`; UsageError where nobody can be asked."""
    if yes:
        return True
    if not all(is_dead(holder) for holder in found.values()):
        raise LockHeldError(
            "the run that holds the lock is at work; the lock was not removed",
            hint="Wait for it, or end it where it runs. If you know better: `provisioner unlock --yes` takes its lock "
            "away, and it stops before its next play.",
        )
    if not may_ask:
        raise UsageError(
            "the lock was not removed: nobody is there to be asked",
            hint="`provisioner unlock --yes` removes it without asking.",
        )
    return typer.confirm("Remove it?")
