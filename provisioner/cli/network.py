"""`provisioner network`: the addresses chosen for the hosts, and why; replacing the network plug-in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from provisioner.cli.common import Frame, InventoryOption, JsonOption, LimitOption, frame, load_cluster
from provisioner.cli.network_replace import replace
from provisioner.core.report import Found, Note
from provisioner.engine.gathering import look_at
from provisioner.engine.measuring import measured
from provisioner.engine.selection import Selection
from provisioner.engine.session import open_session
from provisioner.errors import PreflightError, Severity
from provisioner.inventory.model import Cluster
from provisioner.inventory.networks import CiliumNetwork, ManifestNetwork, NoNetwork
from provisioner.output.console import Machine
from provisioner.output.tables import table
from provisioner.preflight import addresses, ports
from provisioner.world.addressing.options import is_bound
from provisioner.world.derived import network_mtu, node_address, plug_in_mtu
from provisioner.world.network import Passage, Way
from provisioner.world.view import View

app = typer.Typer(help="The network that the nodes use, and why; replacing the network plug-in.", no_args_is_help=True)
app.command(epilog="Example: provisioner network replace -i inventory.yaml --plan")(replace)

_COLUMNS = ("host", "address", "interface", "MTU", "state")


@app.command(epilog="Example: provisioner network show -i inventory.yaml --measure")
def show(
    inventory: InventoryOption = None,
    limit: LimitOption = "",
    measure: Annotated[bool, typer.Option("--measure", help="Measure all paths again; decisions stay.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show which address, interface and MTU each host uses, why, and what is wrong with them."""
    with frame("network show", as_json=as_json) as told:
        view = _look(load_cluster(inventory, told), told, limit, everything=measure)
        told.show.close()
        (_tell_json if isinstance(told.show, Machine) else _tell)(view, told)
        _judge(view, told)


def _look(cluster: Cluster, told: Frame, limit: str, *, everything: bool) -> View:
    with open_session(cluster, told, Selection(limit), only_looks=True) as session:
        view, errors = look_at(session.run.fleet, session.view, session.run.fleet.transports)
        view, unmeasured = measured(session.run.fleet, view, told, everything=everything)
    for error in (errors | unmeasured).values():
        told.fail(error)
    if errors | unmeasured:
        raise typer.Exit(next(iter((errors | unmeasured).values())).exit_code)
    return view


def _tell(view: View, told: Frame) -> None:
    told.show.console.print(table(_COLUMNS, _rows(view)))
    for name in view.observed.facts:
        decided = node_address(view, view.cluster.host(name))
        for reason in decided.reasons if decided else ():
            told(Note(f"{name}: {reason}"))
    told.show.console.print(f"MTU of the pods: {_pods(view)}.", highlight=False)
    if view.observed.ways:
        told.show.console.print(table(("from", "to", "path MTU", "ports"), _ways(view)))


def _rows(view: View) -> Iterator[tuple[str, ...]]:
    for name in view.observed.facts:
        decided = node_address(view, view.cluster.host(name))
        if decided:
            yield (name, str(decided.ip), decided.interface, str(decided.mtu), _state(view, name))
        else:
            yield (name, "none", "", "", "none to choose")


def _state(view: View, name: str) -> str:
    """How final the decision is: not written down yet, written down, or in use."""
    if view.observed.states[name].network is None:
        return "not written down yet"
    return "in use" if is_bound(view.observed.states[name]) else "written down"


def _pods(view: View) -> str:
    match view.cluster.settings.network:
        case ManifestNetwork() | NoNetwork():
            return f"chosen by the network plug-in, {network_mtu(view)} bytes less its overhead"
        case CiliumNetwork():
            return f"{plug_in_mtu(view)} bytes less Cilium's overhead"
        case _:
            return f"{plug_in_mtu(view)} bytes"


def _ways(view: View) -> Iterable[tuple[str, ...]]:
    for (name, ip), way in sorted(view.observed.ways.items()):
        size = str(way.mtu or "not measured") if way.reached else "not reached"
        yield name, str(ip), size, _ports(way)


def _ports(way: Way) -> str:
    """The ports that do not pass for sure, each with the result of its probe."""
    if not way.reached or not way.ports:
        return ""
    doubted = [f"{port}: {found}" for port, found in sorted(way.ports.items()) if found is not Passage.PASSES]
    return ", ".join(doubted) or "pass"


def _tell_json(view: View, told: Frame) -> None:
    if not isinstance(told.show, Machine):
        return
    for name, address, interface, mtu, state in _rows(view):
        decided = node_address(view, view.cluster.host(name))
        told.show.line({
            "host": name, "address": address if decided else None, "interface": interface, "mtu": int(mtu or 0),
            "state": state, "reasons": list(decided.reasons) if decided else [],
        })  # fmt: skip
    for (name, ip), way in sorted(view.observed.ways.items()):
        passages = dict(sorted(way.ports.items()))
        told.show.line({"from": name, "to": str(ip), "reached": way.reached, "mtu": way.mtu, "ports": passages})


def _judge(view: View, told: Frame) -> None:
    """Report what preflight would report."""
    found = [problem for rule in (*addresses.RULES, *ports.MEASURED) for problem in rule(view)]
    wrong = [problem for problem in found if problem.severity is Severity.ERROR]
    for problem in found:
        if problem not in wrong:
            told(Found(problem))
    if wrong:
        raise PreflightError(f"{len(wrong)} finding(s) about the network; nothing was changed", wrong)
