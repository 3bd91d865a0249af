"""From hosts to a cluster, and from a cluster that differs from the inventory to one that does not."""

from __future__ import annotations

from provisioner import preflight
from provisioner.plays import control_plane, kubernetes_packages, machine, network, nodes, runtime, workers
from provisioner.plays.play import Play, all_hosts, the_leader, the_leader_if_chosen
from provisioner.plays.procedure import Procedure
from provisioner.world.derived import joining

BRING_UP = Procedure(
    "apply",
    (
        Play("machine", all_hosts, machine.desired, leaderless=True),
        Play("container runtime", all_hosts, runtime.desired, needs=("machine",), leaderless=True),
        Play(
            "kubernetes packages",
            all_hosts,
            kubernetes_packages.desired,
            needs=("container runtime",),
            leaderless=True,
        ),
        Play("control plane", the_leader_if_chosen, control_plane.desired, needs=("kubernetes packages",)),
        Play("join token", the_leader, workers.token, needs=("control plane", "join token removed")),
        Play("workers", joining, workers.desired, needs=("kubernetes packages", "join token")),
        Play("join token removed", the_leader, workers.token_gone),
        Play("pod network", all_hosts, network.desired, needs=("control plane", "workers")),
        Play("nodes", the_leader, nodes.desired, needs=("control plane", "pod network")),
    ),
    preflight.rules,
)
