"""Looking: what the machines are, how far they are, and what their probes say. Nothing here changes a machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from provisioner.core.command import Command, Result
from provisioner.core.facts import look, read_cluster, read_facts, read_state
from provisioner.core.play import View
from provisioner.core.resource import Resource
from provisioner.errors import ProvisionerError, StepError, UnreachableError
from provisioner.fleet import Fleet
from provisioner.inventory.model import Role
from provisioner.transports.protocol import Transport

# What probes have answered, by host. The question is the key: a wish that changes asks anew.
Seen = dict[str, dict[Command, Result]]


def look_at(fleet: Fleet, view: View, hosts: Iterable[str]) -> tuple[View, dict[str, ProvisionerError]]:
    """Facts, state and the cluster from these hosts, in one round trip each; errors by host."""
    planes = frozenset(host.name for host in view.cluster.hosts if host.role is Role.CONTROL_PLANE)
    answers = fleet.each(hosts, partial(_look_on, planes))
    clusters = [read_cluster(result) for host, result in sorted(answers.good.items()) if host in planes]
    asked = bool(planes & set(answers.good))
    view = replace(
        view,
        facts={**view.facts, **{host: read_facts(result) for host, result in answers.good.items()}},
        states={**view.states, **{host: read_state(result) for host, result in answers.good.items()}},
        live=next((cluster for cluster in clusters if cluster), None) if asked else view.live,
    )
    return view, answers.bad


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


def _look_on(planes: frozenset[str], host: str, transport: Transport) -> Result:
    transport.open()
    (result,) = transport.run([look(leader=host in planes)])
    if result.ok:
        return result
    raise UnreachableError(
        f"{host}: the machine could not be looked at",
        details=result.tail(),
        hint="It has to be a Linux machine with systemd, iproute2 and coreutils.",
    )


def _probe_on(missing: Mapping[str, tuple[Command, ...]], host: str, transport: Transport) -> tuple[Result, ...]:
    results = transport.run(missing[host], stop=False)
    for probe, result in zip(missing[host], results, strict=True):
        if result.exit_code not in probe.accepts:
            raise StepError(f"{host}: could not look: {probe}", details=result.tail())
    return results
