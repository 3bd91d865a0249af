"""Gates: what a run waits for, on a fresh look, before and after a batch of nodes."""

from __future__ import annotations

from provisioner.plays.procedure import Turn
from provisioner.world.view import View
from provisioner.world.workloads import LEASES, SYSTEM_PODS, budgets, leases, system_pods

# What `ready_again` has to know besides the nodes.
ASKS = (LEASES, SYSTEM_PODS)


def ready_again(turn: Turn, now: View) -> tuple[str, ...]:
    """The nodes that were Ready before the batch are so again, with their system pods, as their kubelets report now.

    That an API server is Ready means that its etcd member is healthy: its readiness probe asks it.
    """
    if turn.before.observed.live is None:
        return ()
    if now.observed.live is None:
        return ("the API server answers",)
    before, after = turn.before.observed.live.nodes, now.observed.live.nodes
    were_ready = tuple(name for name in turn.batch if name in before and before[name].ready)
    pods = system_pods(now)
    return (
        *(f"{name} is Ready" for name in were_ready if name not in after or not after[name].ready),
        *(f"the kubelet of {name} reports again" for name in were_ready if not _has_reported(name, turn.done, now)),
        *(
            f"{pod} on {node} is Ready"
            for (node, pod), was_ready in system_pods(turn.before).items()
            if was_ready and node in were_ready and not pods.get((node, pod), True)
        ),
    )


def budgets_are_complete(turn: Turn, now: View) -> tuple[str, ...]:
    """The pods of every disruption budget that allows no eviction now are all there and Ready."""
    return tuple(
        f"the pods of the disruption budget {one.name} are Ready ({one.healthy} of {one.pods})"
        for one in budgets(now)
        if not one.allowed and one.healthy < one.pods
    )


def _has_reported(name: str, done: View, now: View) -> bool:
    """Whether the kubelet has renewed its lease since the batch was done; both times are of that host's clock.

    It does so every 10 s. A Node object stays Ready for 40 s when its kubelet is silent:
    https://kubernetes.io/docs/reference/node/node-status/#heartbeats
    """
    renewed_s, facts = leases(now).get(name), done.observed.facts.get(name)
    return renewed_s is None or facts is None or renewed_s >= facts.clock_s
