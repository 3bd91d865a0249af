"""The commands that only look, or do one small thing: facts, token, kubeconfig, run, trust."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from provisioner import kubeconfig as kubeconfigs
from provisioner.cli.common import Frame
from provisioner.core.command import shell
from provisioner.core.report import Note, Outcome, StepEnded
from provisioner.engine.gathering import look_at
from provisioner.engine.guard import for_each
from provisioner.engine.losses import stop_for
from provisioner.engine.selection import Selection
from provisioner.engine.session import Session, limited_to, new_token, open_fleet, open_session
from provisioner.errors import ProvisionerError, StepError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.values import Endpoint
from provisioner.output.tables import table
from provisioner.plays.workers import token_manifest
from provisioner.resources.kubectl import kubectl
from provisioner.transports.protocol import Transport
from provisioner.transports.trust import Offer, offers
from provisioner.world.cluster import ClusterState
from provisioner.world.configuration import configuration
from provisioner.world.derived import ca_pin
from provisioner.world.view import View

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# A token gives access to the cluster: it never has to be valid for more than a month.
_LONGEST_S = 30 * 86400


def facts(cluster: Cluster, told: Frame, limit: str, *, as_json: bool) -> None:
    """Show the facts of each host; hosts that did not answer come at the end, and set the exit code."""
    with open_session(cluster, told, Selection(limit), only_looks=True) as session:
        view, errors = look_at(session.run.fleet, session.view, session.run.fleet.transports)
    names = [name for name in view.observed.facts if name in view.limit]
    if as_json:
        for name in names:
            told.show.console.out(
                as_line({"host": name, **dataclasses.asdict(view.observed.facts[name])}), highlight=False
            )
    else:
        rows = ((name, *_fact_row(view, name)) for name in names)
        told.show.close()
        told.show.console.print(table(("host", "system", "kernel", "cpus", "memory", "free disk", "addresses"), rows))
    fail_for(told, {host: error for host, error in errors.items() if host in view.limit})


def fail_for(told: Frame, errors: Mapping[str, ProvisionerError]) -> None:
    """Show why each host failed; exits with the code of the first."""
    for error in errors.values():
        told.fail(error)
    if errors:
        raise typer.Exit(next(iter(errors.values())).exit_code)


def _fact_row(view: View, name: str) -> tuple[str, ...]:
    told = view.observed.facts[name]
    addresses = ", ".join(f"{a.interface} {a.ip}" for a in told.addresses if not a.ip.is_loopback)
    system = f"{told.distribution} {told.codename} {told.architecture}"
    return (system, told.kernel, str(told.cpus), f"{told.memory_mib} MiB", f"{told.disk_free_mib} MiB", addresses)


def join_command(cluster: Cluster, told: Frame, ttl: str) -> str:
    """A new token, valid for `ttl`, in a command to paste on the machine that joins."""
    life_s = _seconds(ttl)
    with _looked(cluster, told, "") as (session, view):
        leader = view.leader.name
        address = for_each([leader], lambda _: _where(_live(view)), told)
        stop_for(address.bad)
        token = new_token()
        expires = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=life_s)
        manifest = token_manifest(token, expires=expires, description="made by provisioner token")
        (result,) = session.run.fleet.transports[leader].run([kubectl("apply", "-f", "-", stdin=manifest)])
        if not result.ok:
            raise StepError(f"{leader}: the token could not be created", details=result.tail())
    endpoint, pin = address.good[leader]
    return f"kubeadm join {endpoint} --token {token.reveal()} --discovery-token-ca-cert-hash {pin}"


def _where(live: ClusterState) -> tuple[Endpoint, str]:
    """The address of the API server and the pin of its CA, checked: the cluster reports them, and users paste them."""
    endpoint = configuration(live.configuration)["controlPlaneEndpoint"]
    return Endpoint.parse(endpoint), ca_pin(live.ca_certificate)


def _seconds(ttl: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([smhd])", ttl)
    if not match or not 60 <= int(match[1]) * _UNITS_S[match[2]] <= _LONGEST_S:
        raise UsageError(f"--ttl {ttl} is not a time from 1m to 30d", hint="Write it as 30m, 2h or 24h.")
    return int(match[1]) * _UNITS_S[match[2]]


def kubeconfig(cluster: Cluster, told: Frame, output: Path | None, *, merge: bool) -> None:
    """Fetch and write, merge, or print the administrator's kubeconfig."""
    with _looked(cluster, told, "") as (session, view):
        given = kubeconfigs.fetch(session.run.fleet.transports[view.leader.name], view)
    name = cluster.settings.name
    if str(output) == "-":
        told.show.console.out(kubeconfigs.text_of(given, name).rstrip(), highlight=False)
        return
    path = output or (kubeconfigs.home() / "config" if merge else kubeconfigs.default_path(cluster))
    changed = kubeconfigs.save(path, given, name, merge=merge)
    did = ("merged into" if merge else "written to") if changed else "nothing has changed in"
    told(Note(f"{did} {path}; try: kubectl --kubeconfig {shlex.quote(str(path))} get nodes"))
    if merge and changed:
        told(Note(f"its current context is {name} now; the previous file is {path}.bak"))


def run_everywhere(cluster: Cluster, told: Frame, limit: str, text: str) -> None:
    """Run a shell command on the chosen hosts, show the output of each; StepError names those where it failed."""
    names = limited_to(cluster, limit)
    command = shell(text, timeout_s=3600)
    with open_fleet(cluster, names, told) as fleet:

        def work(host: str, transport: Transport) -> int:
            (result,) = transport.run([command])
            outcome = Outcome.CHANGED if result.ok else Outcome.FAILED
            told(StepEnded(host, text, outcome, result.seconds, (result.stdout + result.stderr).rstrip()))
            return result.exit_code

        answers = fleet.each([host.name for host in cluster.hosts if host.name in names], work)
    stop_for(answers.bad)
    failed = [f"{host} ({code})" for host, code in answers.good.items() if code]
    if failed:
        raise StepError(f"the command failed on {', '.join(failed)}")


def unknown_keys(cluster: Cluster, limit: str) -> Iterator[tuple[str, Offer]]:
    """The host keys that are not confirmed yet; each is fetched when its turn comes."""
    names = limited_to(cluster, limit)
    hosts = [host for host in cluster.hosts if host.name in names]
    return ((name, offer) for name, offer in offers(hosts, cluster.settings.ssh) if not offer.known)


@contextmanager
def _looked(cluster: Cluster, told: Frame, limit: str) -> Iterator[tuple[Session, View]]:
    with open_session(cluster, told, Selection(limit), only_looks=True) as session:
        view, errors = look_at(session.run.fleet, session.view, session.run.fleet.transports)
        stop_for({host: error for host, error in errors.items() if host in _needed(cluster, limit)})
        yield session, view


def _needed(cluster: Cluster, limit: str) -> frozenset[str]:
    """The hosts that have to answer: those of the limit, or without one the control planes."""
    return limited_to(cluster, limit) if limit else frozenset(host.name for host in cluster.control_planes)


def _live(view: View) -> ClusterState:
    if view.observed.live is None:
        raise StepError("no cluster answers", hint="`provisioner status` shows more; `provisioner apply` creates it.")
    return view.observed.live


def as_line(value: object) -> str:
    """A value as a line of JSON."""
    return json.dumps(value, default=str)
