"""Looking: what the machines are, how far they are, and what their probes say. Nothing here changes a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from provisioner.core.command import Command, Result, require_whole, settle
from provisioner.core.report import Listener, Waiting
from provisioner.core.resource import Resource
from provisioner.engine.fleet import Fleet
from provisioner.errors import ProvisionerError, StepError, UnreachableError
from provisioner.transports.protocol import Transport
from provisioner.world.cluster import ClusterState, read_cluster
from provisioner.world.facts import HostFacts, HostState, look, read_facts, read_lock, read_state
from provisioner.world.lock import Holder
from provisioner.world.nodes import odd_answer, odd_hint
from provisioner.world.view import View

# What probes have answered, by host. The question is the key: a wish that changes asks anew.
Seen = dict[str, dict[Command, Result]]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one host has told of itself, and of the cluster when it is a control plane that carries one."""

    facts: HostFacts
    state: HostState
    cluster: ClusterState | None
    lock: Holder | None


@dataclass(frozen=True, slots=True)
class _Look:
    """What is asked of every host: which ones are control planes, all of the inventory, who is told of a wait, our
    clock, when we began.
    """

    hosts: frozenset[str]
    planes: frozenset[str]
    settled: Listener | None
    clock: Callable[[], float]
    began_s: float


def look_at(
    fleet: Fleet, view: View, hosts: Iterable[str], settled: Listener | None = None
) -> tuple[View, dict[str, ProvisionerError]]:
    """Facts, state and the cluster from these hosts, in one round trip each; errors by host.

    With `settled`, what an earlier run has left working there is waited for first, and told to that listener.
    """
    names = frozenset(host.name for host in view.cluster.hosts)
    planes = frozenset(host.name for host in view.cluster.control_planes)
    now_s = fleet.clock()
    looks = fleet.each(hosts, partial(_look_on, _Look(names, planes, settled, fleet.clock, now_s)))
    clusters = [looked.cluster for _, looked in sorted(looks.good.items()) if looked.cluster]
    asked = bool(planes & set(looks.good))
    view = view.with_observed(
        now_s=now_s,
        facts={**view.observed.facts, **{host: looked.facts for host, looked in looks.good.items()}},
        states={**view.observed.states, **{host: looked.state for host, looked in looks.good.items()}},
        live=next(iter(clusters), None) if asked else view.observed.live,
        lock=next((looked.lock for looked in looks.good.values() if looked.lock), None)
        if asked
        else view.observed.lock,
    )
    return view, _odd(view) | looks.bad


def _odd(view: View) -> dict[str, ProvisionerError]:
    """Hosts of this run whose nodes say what cannot be: with such a machine nothing is done."""
    told = view.observed.live.odd if view.observed.live else {}
    return {
        host.name: StepError(f"{host.name}: {odd_answer(told[host.name])}", hint=odd_hint(host.name))
        for host in view.hosts
        if host.name in told
    }


def see(fleet: Fleet, wished: Mapping[str, Iterable[Resource]], seen: Seen) -> dict[str, ProvisionerError]:
    """Run the probes that have no valid answer yet, one batch per host; returns the hosts that did not answer."""
    missing = {
        host: tuple(dict.fromkeys(probe for probe in (r.probe() for r in resources) if probe not in seen.get(host, {})))
        for host, resources in wished.items()
    }
    missing = {host: probes for host, probes in missing.items() if probes}
    answers = fleet.each(missing, partial(_probe_on, missing))
    for host, results in answers.good.items():
        seen.setdefault(host, {}).update(zip(missing[host], results, strict=True))
    return answers.bad


def answers(resources: Iterable[Resource], seen: Mapping[Command, Result]) -> dict[str, Result]:
    """What was seen, by the key of the resource that asked."""
    return {resource.key: seen[resource.probe()] for resource in resources}


def _look_on(how: _Look, host: str, transport: Transport) -> Looked:
    transport.open()
    if how.settled:
        _settle(host, transport, how.settled)
    (result,) = transport.run([look(leader=host in how.planes)])
    require_whole(host, [result])
    waited_s = how.clock() - how.began_s
    try:
        if result.ok:
            cluster = read_cluster(result, how.hosts) if host in how.planes else None
            facts = read_facts(result)
            # As it would have answered when the look began: an earlier run's leftovers may have been waited for since.
            facts = replace(facts, clock_s=facts.clock_s - waited_s)
            return Looked(facts, read_state(result), cluster, read_lock(result))
        details = result.tail()
    except (ValueError, KeyError) as error:
        details = f"its answer cannot be read: {type(error).__name__}: {error}"
    raise UnreachableError(
        f"{host}: the machine could not be looked at",
        details=details,
        hint="It has to be a Linux machine with systemd, iproute2 and coreutils.",
    )


def _settle(host: str, transport: Transport, listen: Listener) -> None:
    (result,) = transport.run([settle()], heard=lambda line: listen(Waiting(host, line)))
    if not result.ok:
        raise StepError(
            f"{host}: what an earlier run has started there does not come to an end",
            details=result.tail(1),
            hint="Look at the machine (`ps`), end it if it hangs, and run the same command again.",
        )


def _probe_on(missing: Mapping[str, tuple[Command, ...]], host: str, transport: Transport) -> tuple[Result, ...]:
    results = transport.run(missing[host], stop=False)
    require_whole(host, results)
    for probe, result in zip(missing[host], results, strict=True):
        if result.exit_code not in probe.accepts:
            raise StepError(f"{host}: could not look: {probe}", details=result.tail())
    return results
