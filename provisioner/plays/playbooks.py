"""The tables of contents: each playbook is a tuple of plays, read from top to bottom."""

from __future__ import annotations

from provisioner.plays import control_plane, kubernetes_packages, machine, network, nodes, replacing, runtime, workers
from provisioner.plays.play import Play, Playbook, all_hosts, the_leader, the_leader_if_chosen
from provisioner.world.derived import joining

BRING_UP: Playbook = (
    Play("machine", all_hosts, machine.desired, leaderless=True),
    Play("container runtime", all_hosts, runtime.desired, needs=("machine",), leaderless=True),
    Play("kubernetes packages", all_hosts, kubernetes_packages.desired, needs=("container runtime",), leaderless=True),
    Play("control plane", the_leader_if_chosen, control_plane.desired, needs=("kubernetes packages",)),
    Play("join token", the_leader, workers.token, needs=("control plane", "join token removed")),
    Play("workers", joining, workers.desired, needs=("kubernetes packages", "join token")),
    Play("join token removed", the_leader, workers.token_gone),
    Play("pod network", all_hosts, network.desired, needs=("control plane", "workers")),
    Play("nodes", the_leader, nodes.desired, needs=("control plane", "pod network")),
)

# Another network plug-in in a cluster that runs.
REPLACE_NETWORK: Playbook = (
    Play("drain", the_leader, replacing.drained),
    Play("old network", the_leader, replacing.objects_gone, needs=("drain",)),
    Play("old network on the hosts", all_hosts, replacing.hosts_clean, needs=("old network",)),
    Play("machine", all_hosts, machine.desired),
    Play("container runtime", all_hosts, runtime.desired, needs=("machine",)),
    Play("pod network", all_hosts, network.desired, needs=("old network on the hosts",)),
    Play("pods again", the_leader, replacing.reopened, needs=("pod network",)),
    Play("nodes", the_leader, nodes.desired, needs=("pod network",)),
)
