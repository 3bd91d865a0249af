"""What `lab up` prints at the end: the nodes, and useful next commands."""

from __future__ import annotations

import sys
from pathlib import Path

from provisioner.cli.common import Frame
from provisioner.core.report import Note
from provisioner.engine.loop import Outcome
from provisioner.inventory.model import Cluster
from provisioner.inventory.vagrant_rules import machines
from provisioner.kubeconfig import default_path
from provisioner.output.console import Human
from provisioner.output.tables import table


def program(argv0: str, directory: Path) -> str:
    """How to call this program from `directory`: by its path when it is below that, as after `make up`."""
    path = Path(argv0).absolute()
    return shown(path, directory) if path.is_relative_to(directory) else "provisioner"


def shown(path: Path, directory: Path) -> str:
    """A path as the user types it in `directory`."""
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)


def farewell(cluster: Cluster, outcome: Outcome, told: Frame) -> None:
    """Show the nodes, the kubeconfig, what to try, and how to remove the lab."""
    live = outcome.view.observed.live
    path = default_path(cluster)
    if live and isinstance(told.show, Human):
        rows = (
            (
                node.name,
                "Ready" if node.ready else "NotReady",
                node.version,
                str(node.internal_ip or ""),
                str(node.pod_cidr or ""),
            )
            for node in live.nodes.values()
        )
        told.show.console.print(table(("node", "state", "version", "address", "pods"), rows))
    worker = cluster.workers[0].name if cluster.workers else cluster.hosts[0].name
    call = program(sys.argv[0], Path.cwd())
    inventory = _named(cluster)
    told(Note(
        f"kubeconfig  {path}\n"
        f"try         {call} status{inventory}\n"
        f"            {call} ssh{inventory} {cluster.control_planes[0].name} kubectl get pods -A -o wide\n"
        f"            {call} run{inventory} --limit {worker} -- docker ps\n"
        f"take down   {_take_down(cluster, call)}"
    ))  # fmt: skip


def _named(cluster: Cluster) -> str:
    """The option `-i` for Vagrant's machines, unless their inventory is ./inventory.yaml."""
    here = cluster.path == Path.cwd() / "inventory.yaml"
    return f" -i {shown(cluster.path, Path.cwd())}" if machines(cluster) and not here else ""


def _take_down(cluster: Cluster, call: str) -> str:
    if machines(cluster):
        return f"{call} lab down{_named(cluster)}"
    name = cluster.path.parent.name
    return "make down" if name == "lab" else f"{call} lab down --name {name}"
