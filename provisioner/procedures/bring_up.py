"""From hosts to a cluster, and from a cluster that differs from the inventory to one that does not."""

from __future__ import annotations

from provisioner import preflight
from provisioner.inventory.model import Host
from provisioner.plays import (
    control_plane,
    gates,
    kubernetes_packages,
    machine,
    network,
    nodes,
    rolling,
    runtime,
    workers,
)
from provisioner.plays.play import Hosts, Play, all_hosts, leader, the_leader, the_leader_if_chosen
from provisioner.plays.procedure import Procedure, Rolling
from provisioner.world.derived import joining


def prepared(hosts: Hosts) -> tuple[Play[Host], ...]:
    """What every host needs before kubeadm runs; a change of it may restart the container runtime or the kubelet."""
    return (
        Play("machine", hosts, machine.desired, leaderless=True),
        Play("container runtime", hosts, runtime.desired, needs=("machine",), leaderless=True),
        Play("kubernetes packages", hosts, kubernetes_packages.desired, needs=("container runtime",), leaderless=True),
    )


BRING_UP = Procedure(
    "apply",
    (
        *prepared(rolling.fresh_hosts),
        Rolling(prepared(rolling.nodes), rolling.batches, after=gates.ready_again, asks=gates.ASKS, ends=False),
        Play("control plane", the_leader_if_chosen, control_plane.desired, needs=("kubernetes packages",)),
        Play("join token", the_leader, workers.token, needs=("control plane", "join token removed")),
        Play("workers", joining, workers.desired, needs=("kubernetes packages", "join token")),
        Play("join token removed", the_leader, workers.token_gone),
        Play("pod network", all_hosts, network.desired, needs=("control plane", "workers")),
        Play("old pods", network.moved, network.old_pods_gone, needs=("pod network",), at=leader),
        Play("old bridges", network.moved, network.old_bridges_gone, needs=("old pods",)),
        Play("nodes", the_leader, nodes.desired, needs=("control plane", "pod network")),
    ),
    preflight.rules,
)
