"""After a pause: wait until clocks are right and every node reports to the cluster again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from provisioner.cli.common import Frame
from provisioner.core.report import Note, Waiting, step
from provisioner.engine.gathering import look_at
from provisioner.engine.losses import stop_for
from provisioner.engine.session import Session, open_session
from provisioner.errors import ProvisionerError, StepError
from provisioner.inventory.model import Cluster
from provisioner.preflight.machines import MOST_CLOCK_SKEW_S
from provisioner.resources.kubectl import kubectl
from provisioner.world.view import View

HOST = "cluster"
DEADLINE_S = 300.0
POLL_S = 2.0
_LEASES = 'jsonpath={range .items[*]}{.metadata.name}={.spec.renewTime}{"\\n"}{end}'

Leases = Mapping[str, str]


def wait_until_healthy(cluster: Cluster, told: Frame) -> None:
    """Wait until clocks agree with ours and, in a cluster, every node is Ready and has renewed its Lease meanwhile.

    StepError with what is still missing after five minutes.
    """
    deadline_s = time.monotonic() + DEADLINE_S
    with (
        open_session(cluster, told, only_looks=True) as session,
        step(told, HOST, "clocks are right, all nodes are Ready again"),
    ):
        first: Leases = {}
        while True:
            view, errors = look_at(session.run.fleet, session.view, session.run.fleet.transports)
            leases = _leases(session, view)
            first = first or leases
            left = tuple(unwell(view, errors, first, leases))
            if not left:
                break
            if time.monotonic() > deadline_s:
                stop_for(errors)
                hint = "`provisioner status` and `provisioner verify` show more; `provisioner apply` repairs it"
                raise StepError(f"not healthy after {DEADLINE_S:.0f} s: {'; '.join(left)}", hint=hint)
            told(Waiting(HOST, "; ".join(left)))
            time.sleep(POLL_S)
    if view.observed.live is None:
        told(Note("there is no cluster on these machines yet; `provisioner apply` creates it"))


def unwell(view: View, errors: Mapping[str, ProvisionerError], first: Leases, now: Leases) -> Iterator[str]:
    """What is not healthy, in words. A node may look Ready although its kubelet does not renew its Lease. Pure."""
    for error in errors.values():
        yield error.message
    for host, facts in view.observed.facts.items():
        skew_s = facts.clock_s - view.observed.now_s
        if host not in errors and abs(skew_s) > MOST_CLOCK_SKEW_S:
            yield f"{host}: its clock is {abs(skew_s):.0f} s {'ahead' if skew_s > 0 else 'behind'}"
    joined = [name for name, state in view.observed.states.items() if state.joined]
    if joined and view.observed.live is None:
        yield "the API server does not answer"
        return
    for name in joined:
        node = view.observed.live.nodes.get(name) if view.observed.live else None
        if node is None or not node.ready:
            yield f"{name} is not Ready"
        elif now.get(name, "") == first.get(name, ""):
            yield f"{name} has not reported to the cluster yet"


def _leases(session: Session, view: View) -> Leases:
    """When each node's kubelet last renewed its Lease; empty while the API server does not answer."""
    if view.observed.live is None:
        return {}
    command = kubectl("get", "leases", "-n", "kube-node-lease", "-o", _LEASES)
    (result,) = session.run.fleet.transports[view.leader.name].run([command])
    lines = result.stdout.splitlines() if result.ok else ()
    return dict(line.partition("=")[::2] for line in lines)
