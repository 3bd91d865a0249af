"""The run that holds the run lock of a cluster: its description, and whether it is alive, as far as we can tell."""

from __future__ import annotations

import time

from provisioner.engine.marks import is_over
from provisioner.errors import Problem, Severity
from provisioner.output.wording import duration
from provisioner.world.lock import STALE_S, Holder


def described(holder: Holder) -> str:
    """`anna on laptop (apply), since 2026-03-01 12:31:05, last sign of life 4.0 s ago`."""
    if holder.damage:
        return f"an unknown run (the run lock cannot be read: {holder.damage}), {_heard(holder)}"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.began_s))
    return f"{holder.owner} on {holder.machine} ({holder.doing}), since {since}, {_heard(holder)}"


def judged(holder: Holder) -> str:
    """What that means for another run: `at work`, or why not."""
    if is_over(holder.run):
        return "a run on this machine that is dead"
    if holder.stale:
        return f"no sign of life for more than {STALE_S} s: the next apply takes the lock over"
    if holder.damage:
        return f"no run of provisioner renews it: it is free {STALE_S} s after its last change"
    if holder.age_s < 0:
        return f"at work, or dead: the next apply finds out within {STALE_S} s"
    return "at work"


def is_dead(holder: Holder) -> bool:
    """Whether the run that holds a lock gave no sign of life for too long, or ran on this machine and has ended."""
    return holder.stale or is_over(holder.run)


def is_alive(holder: Holder) -> bool:
    """Whether it is known to be at work. A live run corrects the time of its lock, and stops at a damaged lock."""
    return not is_dead(holder) and not holder.damage and holder.age_s >= 0


def at_work(holder: Holder | None) -> Problem | None:
    """A warning that another run is changing the cluster now, so that what is shown may soon be out of date."""
    if holder is None or is_dead(holder):
        return None
    what = f"another run is at work on this cluster: {described(holder)}"
    return Problem("at-work", "", what, "What is shown here may be out of date when it has finished.", Severity.WARNING)


def _heard(holder: Holder) -> str:
    what = "last changed" if holder.damage else "last sign of life"
    if holder.age_s < 0:
        return f"{what} {duration(-holder.age_s)} ahead of that host's clock (was it set back?)"
    return f"{what} {duration(holder.age_s)} ago"
