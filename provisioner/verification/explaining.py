"""Finding the causes: the hosts at both ends of a path that does not work are asked once each, and rules compare."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from provisioner.verification import wiring
from provisioner.verification.causes import causes
from provisioner.verification.kubectl import AskError, run
from provisioner.verification.paths import BY_DNS
from provisioner.verification.situation import NODE, Situation
from provisioner.verification.survey import Survey
from provisioner.verification.walk import Asked
from provisioner.verification.wiring import SCRIPT, Wiring

_AT_ONCE = 20


def explain(asked: Asked, survey: Survey, unwell: frozenset[str], pods: IPv4Network) -> Survey:
    """The survey with the causes; when nothing is wrong, no host is asked. `unwell` are nodes that took no part."""
    holes = tuple(reach for reach in survey.reaches if not reach.ok)
    unwell |= survey.missing.keys()
    names = {name for hole in holes for name in (hole.source, hole.target)} | unwell
    if asked.dns and any(hole.path in BY_DNS for hole in holes):
        names |= set(asked.dns.nodes)
    hosts = {name: host for name, host in asked.hosts.items() if name in names}
    found = look(hosts, _places(names, survey.pod_ips, asked.addresses))
    return replace(survey, causes=causes(Situation(pods, holes, unwell, found, asked.addresses, asked.dns)))


def _places(names: Iterable[str], pods: Mapping[str, str], nodes: Mapping[str, str]) -> dict[str, str]:
    """The addresses to which every host shows its route, by their names in `Wiring.ways`."""
    names = sorted(names)
    own = {f"{NODE}{name}": nodes[name] for name in names if name in nodes}
    return {name: pods[name] for name in names if name in pods} | own


def look(hosts: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Wiring]:
    """How these hosts are wired, asked in parallel; one that does not answer is left out, another check reports it."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = zip(hosts, pool.map(lambda host: _look(host, places), hosts.values()), strict=True)
        return {name: wired for name, wired in found if wired}


def _look(host: Any, places: Mapping[str, str]) -> Wiring | None:
    separator = secrets.token_hex(8)
    words = [separator, *(item for pair in places.items() for item in pair)]
    command = f"/bin/bash -c %s wiring {' '.join(['%s'] * len(words))}"
    try:
        _, output, _ = run(host, command, SCRIPT, *words)
        return wiring.read(output, separator)
    except (AskError, ValueError):
        return None
