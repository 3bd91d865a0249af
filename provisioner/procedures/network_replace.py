"""Another network plug-in for a cluster that runs."""

from __future__ import annotations

from provisioner import preflight
from provisioner.plays import machine, network, nodes, replacing, runtime
from provisioner.plays.play import Play, all_hosts, the_leader
from provisioner.plays.procedure import Procedure

NETWORK_REPLACE = Procedure(
    "network replace",
    (
        Play("drain", the_leader, replacing.drained),
        Play("old network", the_leader, replacing.objects_gone, needs=("drain",)),
        Play("old network on the hosts", all_hosts, replacing.hosts_clean, needs=("old network",)),
        Play("machine", all_hosts, machine.desired),
        Play("container runtime", all_hosts, runtime.desired, needs=("machine",)),
        Play("pod network", all_hosts, network.desired, needs=("old network on the hosts",)),
        Play("pods again", the_leader, replacing.reopened, needs=("pod network",)),
        Play("nodes", the_leader, nodes.desired, needs=("pod network",)),
    ),
    preflight.replacing_rules,
    confirm="Pods are evicted, and cannot reach each other until the new network is installed.",
)
