"""Another network plug-in for a cluster that runs, one node after the other."""

from __future__ import annotations

from provisioner import preflight
from provisioner.plays import gates, machine, network, nodes, replacing, runtime
from provisioner.plays.play import Play, all_hosts, leader, the_leader
from provisioner.plays.procedure import Procedure, Rolling
from provisioner.world.workloads import BUDGETS, DAEMON_SETS

NETWORK_REPLACE = Procedure(
    "network replace",
    (
        Play("both networks", the_leader, replacing.both),
        Rolling(
            (
                Play("drain", replacing.nodes, replacing.drained, at=leader),
                Play("old network pods", replacing.nodes, replacing.off, at=leader),
                Play("old network on the hosts", replacing.nodes, replacing.hosts_clean),
                Play("machine", replacing.nodes, machine.desired),
                Play("container runtime", replacing.nodes, runtime.desired),
                Play("new network on the hosts", replacing.nodes, replacing.on_host),
                Play("new network pods", replacing.nodes, replacing.on, at=leader),
                Play("pods again", replacing.nodes, replacing.reopened, at=leader),
            ),
            replacing.batches,
            before=gates.budgets_are_complete,
            after=replacing.is_back,
            asks=(BUDGETS, *gates.ASKS),
        ),
        Play("old network", the_leader, replacing.objects_gone),
        Play("pod network", all_hosts, network.desired),
        Play("one network", replacing.nodes, replacing.unlabelled, at=leader),
        Play("nodes", the_leader, nodes.desired),
    ),
    preflight.replacing_rules,
    confirm="Nodes are drained one after the other. Until the end, pods on nodes with the old network and pods on "
    "nodes with the new one cannot reach each other.",
    asks=(DAEMON_SETS,),
)
