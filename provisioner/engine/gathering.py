"""Looking: the facts of the hosts, their state, and the answers to probes. Nothing here changes a host."""

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
from provisioner.world.facts import HostFacts, HostState, look, read_facts, read_lock, read_state, read_told
from provisioner.world.lock import Holder
from provisioner.world.look import Section
from provisioner.world.nodes import odd_answer, odd_hint
from provisioner.world.view import View

# What probes have answered, by host. The question is the key: a desired state that changes asks again.
Seen = dict[str, dict[Command, Result]]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one host has reported about itself, and about the cluster when it is a control plane of one."""

    facts: HostFacts
    state: HostState
    cluster: ClusterState | None
    lock: Holder | None
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at a host needs: all hosts of the inventory, which of them are control planes, the listener for
    waits, our clock, and when we began.
    """

    hosts: frozenset[str]
    control_planes: frozenset[str]
    asked: tuple[Section, ...]
    settled: Listener | None
    clock: Callable[[], float]
    began_s: float


def look_at(
    fleet: Fleet, view: View, hosts: Iterable[str], settled: Listener | None = None
) -> tuple[View, dict[str, ProvisionerError]]:
    """Facts, state and the cluster from these hosts, in one round trip each; errors by host.

    With `settled`, wait first for commands that an earlier run has left running there, and report to that listener.
    """
    names = frozenset(host.name for host in view.cluster.hosts)
    control_planes = frozenset(host.name for host in view.cluster.control_planes)
    now_s = fleet.clock()
    looks = fleet.each(hosts, partial(_look_on, _Look(names, control_planes, view.asked, settled, fleet.clock, now_s)))
    clusters = {host: looked.cluster for host, looked in looks.good.items() if looked.cluster}
    asked = bool(control_planes & set(looks.good))
    answering = (view.observed.answering - set(looks.good) - set(looks.bad)) | set(clusters)
    leader = next((host.name for host in view.cluster.control_planes if host.name in clusters), "")
    view = view.with_observed(
        now_s=now_s,
        facts={**view.observed.facts, **{host: looked.facts for host, looked in looks.good.items()}},
        states={**view.observed.states, **{host: looked.state for host, looked in looks.good.items()}},
        live=clusters.get(leader) if asked else view.observed.live,
        answering=answering,
        told={
            **view.observed.told,
            **{(host, name): text for host, looked in looks.good.items() for name, text in looked.told.items()},
        },
        lock=next((looked.lock for looked in looks.good.values() if looked.lock), None)
        if asked
        else view.observed.lock,
    )
    return view, _odd(view) | looks.bad


def _odd(view: View) -> dict[str, ProvisionerError]:
    """Hosts of this run whose Node objects contain impossible values: nothing is done on them."""
    told = view.observed.live.odd if view.observed.live else {}
    return {
        host.name: StepError(f"{host.name}: {odd_answer(told[host.name])}", hint=odd_hint(host.name))
        for host in view.hosts
        if host.name in told
    }


def see(fleet: Fleet, desired: Mapping[str, Iterable[Resource]], seen: Seen) -> dict[str, ProvisionerError]:
    """Run the probes that have no valid answer yet, one batch per host; returns the hosts that did not answer."""
    missing = {
        host: tuple(dict.fromkeys(probe for probe in (r.probe() for r in resources) if probe not in seen.get(host, {})))
        for host, resources in desired.items()
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
    (result,) = transport.run([look(leader=host in how.control_planes, asked=how.asked)])
    require_whole(host, [result])
    waited_s = how.clock() - how.began_s
    try:
        if result.ok:
            cluster = read_cluster(result, how.hosts) if host in how.control_planes else None
            facts = read_facts(result)
            # Its clock when the look began: we may have waited for commands of an earlier run since then.
            facts = replace(facts, clock_s=facts.clock_s - waited_s)
            return Looked(facts, read_state(result), cluster, read_lock(result), read_told(result, how.asked))
        details = result.tail()
    except (ValueError, KeyError) as error:
        details = f"its answer cannot be read: {type(error).__name__}: {error}"
    raise UnreachableError(
        f"{host}: could not look at this host",
        details=details,
        hint="It has to run Linux with systemd, iproute2 and coreutils.",
    )


def _settle(host: str, transport: Transport, listen: Listener) -> None:
    (result,) = transport.run([settle()], heard=lambda line: listen(Waiting(host, line)))
    if not result.ok:
        raise StepError(
            f"{host}: a command that an earlier run has started there does not end",
            details=result.tail(1),
            hint="Check the host (`ps`), stop that command if it hangs, and run the same command again.",
        )


def _probe_on(missing: Mapping[str, tuple[Command, ...]], host: str, transport: Transport) -> tuple[Result, ...]:
    results = transport.run(missing[host], stop=False)
    require_whole(host, results)
    for probe, result in zip(missing[host], results, strict=True):
        if result.exit_code not in probe.accepts:
            raise StepError(f"{host}: the probe failed: {probe}", details=result.tail())
    return results
