"""Who holds the lock of a cluster: whether that run is alive, as far as can be told from here, and in words."""

from __future__ import annotations

import time

from provisioner.engine.marks import is_over
from provisioner.errors import Problem, Severity
from provisioner.output.wording import duration
from provisioner.world.lock import STALE_S, Holder


def described(holder: Holder) -> str:
    """`anna on laptop (apply), since 2026-03-01 12:31:05, last sign of life 4.0 s ago`."""
    if holder.damage:
        return f"somebody unknown (the lock cannot be read: {holder.damage}), {_heard(holder)}"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.began_s))
    return f"{holder.owner} on {holder.machine} ({holder.doing}), since {since}, {_heard(holder)}"


def judged(holder: Holder) -> str:
    """What that means for whoever wants to work: `at work`, or why not."""
    if is_over(holder.run):
        return "a run of this machine that is not there any more"
    if holder.stale:
        return f"silent for more than {STALE_S} s, so that the next apply takes it over"
    if holder.damage:
        return f"no run of ours keeps it: it is free {STALE_S} s after it was last changed"
    if holder.age_s < 0:
        return f"at work, or dead: the next apply finds out within {STALE_S} s"
    return "at work"


def is_dead(holder: Holder) -> bool:
    """Whether the run that holds a lock is silent for too long, or was one of this machine and is gone."""
    return holder.stale or is_over(holder.run)


def is_alive(holder: Holder) -> bool:
    """Whether it is known to be at work. A run that is alive puts its time right and stops at a damaged lock."""
    return not is_dead(holder) and not holder.damage and holder.age_s >= 0


def at_work(holder: Holder | None) -> Problem | None:
    """A warning that somebody is changing the cluster right now, so that what is seen of it will soon be old."""
    if holder is None or is_dead(holder):
        return None
    what = f"another run works on this cluster: {described(holder)}"
    return Problem("at-work", "", what, "What is shown here may be out of date when it is through.", Severity.WARNING)


def _heard(holder: Holder) -> str:
    what = "last changed" if holder.damage else "last sign of life"
    if holder.age_s < 0:
        return f"{what} {duration(-holder.age_s)} ahead of that machine's clock (was it set back?)"
    return f"{what} {duration(holder.age_s)} ago"
