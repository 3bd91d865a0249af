"""The plan of a whole run: what every play wishes for every host, and what is to be done for it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import partial

from provisioner.core.plan import Plan, PlayPlan, Step, fold
from provisioner.core.play import Play, Playbook, View
from provisioner.core.report import Listener
from provisioner.core.resource import Resource
from provisioner.errors import ProvisionerError
from provisioner.guard import for_each
from provisioner.inventory.model import Host
from provisioner.looking import Seen, answers

_Chosen = tuple[tuple[Play, tuple[Host, ...]], ...]


def wished(playbook: Playbook, view: View) -> dict[str, list[Resource]]:
    """What all plays together wish for each host."""
    found: dict[str, list[Resource]] = {host: [] for host in view.facts}
    for play in playbook:
        for host in play.hosts(view):
            found[host.name] += play.desired(view, host)
    return found


def planned(
    playbook: Playbook, left_out: AbstractSet[str], view: View, seen: Seen, listen: Listener
) -> tuple[Plan, Plan, dict[str, ProvisionerError]]:
    """What is to be done, what would be in plays that are left out, and the hosts whose answers cannot be compared."""
    chosen = tuple((play, play.hosts(view)) for play in playbook)
    names = dict.fromkeys(host.name for _, hosts in chosen for host in hosts)
    steps = for_each(names, partial(_steps, chosen, left_out, view, seen), listen)
    plays = [
        PlayPlan(
            play.title, tuple(step for host in hosts for step in steps.good.get(host.name, {}).get(play.title, ()))
        )
        for play, hosts in chosen
    ]
    kept = Plan(tuple(play for play in plays if play.title not in left_out))
    return kept, Plan(tuple(play for play in plays if play.title in left_out and play.steps)), steps.bad


def _steps(
    chosen: _Chosen, left_out: AbstractSet[str], view: View, seen: Seen, name: str
) -> dict[str, tuple[Step, ...]]:
    """The steps for one host by the title of their play."""
    changed: set[str] = set()
    found = {}
    for play, hosts in chosen:
        for host in (host for host in hosts if host.name == name):
            resources = play.desired(view, host)
            # What is not going to change makes nothing below it follow.
            above = set(changed) if play.title in left_out else changed
            found[play.title] = fold(name, resources, answers(resources, seen.get(name, {})), above)
    return found
