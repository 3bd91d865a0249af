"""`provisioner status`: a row per host and node, and the pods that do not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer

from provisioner.cli.common import Frame
from provisioner.cli.reading import as_line, fail_for
from provisioner.core.report import Found, Note
from provisioner.engine.gathering import look_at
from provisioner.engine.holders import at_work
from provisioner.engine.session import Session, open_session
from provisioner.errors import ProvisionerError
from provisioner.inventory.model import Cluster
from provisioner.output.tables import table
from provisioner.output.wording import one_line
from provisioner.world.nodes import NodeState
from provisioner.world.pods import PodState, question, read_pods
from provisioner.world.view import View


def status(cluster: Cluster, told: Frame, *, as_json: bool) -> None:
    """A row per host, per node that is not in the inventory, and per pod that does not run.

    Exits 4 when a host cannot be reached, 6 when a node is missing or not Ready.
    """
    with open_session(cluster, told, only_looks=True) as session:
        view, errors = look_at(session.run.fleet, session.view, session.run.fleet.transports)
        pods = _pods(session, view, errors, told)
    if warning := at_work(view.observed.lock):
        told(Found(warning))
    pod_rows = [(f"{pod.namespace}/{pod.name}", pod.node, pod.why) for pod in pods]
    machines = session.run.fleet.transports
    rows = [_status_row(view, name, errors.get(name)) for name in machines]
    nodes = view.observed.live.nodes.values() if view.observed.live else ()
    rows += [_node_row(node, "not in the inventory") for node in nodes if node.name not in machines]
    if as_json:
        objects = [
            *(dict(zip(_STATUS, row, strict=True)) for row in rows),
            *(dict(zip(_PODS, row, strict=True)) for row in pod_rows),
        ]
        for one in objects:
            told.show.console.out(as_line(one), highlight=False)
    else:
        told.show.close()
        told.show.console.print(table(("host", *_STATUS[1:]), rows))
        _show_pods(pod_rows, told)
    fail_for(told, errors)
    if any(row[2].partition(",")[0] != "Ready" for row in rows):
        raise typer.Exit(6)


# The taints with which Kubernetes itself keeps new pods away, and why: https://kubernetes.io/docs/reference/labels-annotations-taints/
_AWAY = {
    "node.kubernetes.io/unschedulable:NoSchedule": "SchedulingDisabled",
    "node.kubernetes.io/memory-pressure:NoSchedule": "MemoryPressure",
    "node.kubernetes.io/disk-pressure:NoSchedule": "DiskPressure",
    "node.kubernetes.io/pid-pressure:NoSchedule": "PIDPressure",
    "node.kubernetes.io/network-unavailable:NoSchedule": "NetworkUnavailable",
}
# The fields in JSON; the table says "host".
_STATUS = ("machine", "role", "node", "version", "address", "pods")


def _status_row(view: View, name: str, error: ProvisionerError | None) -> tuple[str, ...]:
    role = view.cluster.host(name).role.value.replace("_", " ")
    node = view.observed.live.nodes.get(name) if view.observed.live else None
    if view.observed.live and name in view.observed.live.odd:
        return (name, role, "odd", "", view.cluster.host(name).address, "")
    if error is not None:
        return (name, role, "unreachable", "", view.cluster.host(name).address, "")
    if node is None:
        is_silent = view.observed.live is None and any(state.initialised for state in view.observed.states.values())
        return (name, role, "no API" if is_silent else "not a node", "", view.cluster.host(name).address, "")
    return _node_row(node, role)


def _node_row(node: NodeState, role: str) -> tuple[str, ...]:
    """The node as `kubectl get nodes` shows it, and what keeps pods away from it."""
    words = ["Ready" if node.ready else "NotReady", *(word for taint, word in _AWAY.items() if taint in node.taints)]
    return (node.name, role, ",".join(words), node.version, str(node.internal_ip or ""), str(node.pod_cidr or ""))


# As many as are easy to read; `kubectl get pods -A` lists them all.
_PODS_SHOWN = 20
_PODS = ("pod", "on", "state")


def _pods(session: Session, view: View, errors: Mapping[str, ProvisionerError], told: Frame) -> tuple[PodState, ...]:
    """The pods that do not run; none when there is no cluster, or the API server does not answer."""
    if view.observed.live is None or view.leader.name in errors:
        return ()
    leader = view.leader.name
    try:
        (result,) = session.run.fleet.transports[leader].run([question()])
        if result.ok:
            return read_pods(result)
        why = result.tail(1)
    except (ProvisionerError, ValueError) as error:
        why = str(error)
    told(Note(f"{leader}: the pods that do not run are unknown: {one_line(why)}"))
    return ()


def _show_pods(rows: Sequence[tuple[str, ...]], told: Frame) -> None:
    if not rows:
        return
    more = f"; the first {_PODS_SHOWN}" if len(rows) > _PODS_SHOWN else ""
    told.show.console.print(f"\npods that do not run: {len(rows)}{more}")
    told.show.console.print(table(_PODS, rows[:_PODS_SHOWN]))
