"""A Deployment with a disruption budget, asked twice a second from two nodes while something is done to the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from tests.e2e.world import World
from tests.patience import LONGEST_S

UNIT = "asks-the-service"
_SERVE = ("httpd", "-f", "-p", "80", "-h", "/etc")
# A line for each answer: when it came. Debian's minimal system has neither curl nor wget; bash connects by itself.
_ASK = """
cat >/root/ask <<'END'
while :; do
  if timeout 1 bash -c 'exec 3<>/dev/tcp/ADDRESS/80' 2>/dev/null; then date +%s.%N >>/root/answers; fi
  sleep 0.5
done
END
: >/root/answers
systemd-run --quiet --collect --unit=UNIT bash /root/ask
"""
# A line for each look: when, how many pods are Ready as the Deployment counts them, and the nodes of the Ready ones.
_COUNT = """
cat >/root/count <<'END'
export KUBECONFIG=/etc/kubernetes/admin.conf
ready='{range .items[?(@.status.containerStatuses[0].ready==true)]}{.spec.nodeName} {end}'
while :; do
  count=$(kubectl --request-timeout=5s get deployment asked -o 'jsonpath={.status.readyReplicas}') || continue
  nodes=$(kubectl --request-timeout=5s get pods -l app=asked -o "jsonpath=$ready") || continue
  echo "$(date +%s.%N) ${count:-0} $nodes" >>/root/counts
  sleep 0.5
done
END
: >/root/counts
systemd-run --quiet --collect --unit=counts-the-pods bash /root/count
"""


@dataclass
class Asked:
    """What was seen: when each client was answered, and at which time how many pods were Ready, on which nodes."""

    answers: dict[str, list[float]] = field(default_factory=dict)
    counts: list[tuple[float, int, frozenset[str]]] = field(default_factory=list)

    def longest_gap_s(self, client: str, *, beside: bool) -> float:
        """The longest time without an answer for a client on a node that has a Ready pod (`beside`), or has none."""
        times = self.answers[client]
        gaps = pairwise(times)
        return max((end - begin for begin, end in gaps if (client in self._nodes(begin)) == beside), default=0.0)

    def _nodes(self, time_s: float) -> frozenset[str]:
        return next((nodes for at_s, _, nodes in reversed(self.counts) if at_s <= time_s), frozenset())


@contextmanager
def asked(world: World, clients: Iterable[str]) -> Iterator[Asked]:
    """Two pods behind a Service, of which one has to stay; what was seen is filled in when the block ends."""
    seen = Asked()
    world.kubectl("create", "deployment", "asked", "--image=provisioner/probe:1", "--replicas=2", "--", *_SERVE)
    world.kubectl("create", "poddisruptionbudget", "asked", "--selector=app=asked", "--min-available=1")
    world.kubectl("expose", "deployment", "asked", "--port=80")
    try:
        world.kubectl("rollout", "status", "deployment/asked", f"--timeout={LONGEST_S}s")
        address = world.kubectl("get", "service", "asked", "-o", "jsonpath={.spec.clusterIP}")
        for client in clients:
            world.shell(client, _ASK.replace("ADDRESS", address).replace("UNIT", UNIT))
        world.shell("cp1", _COUNT)
        yield seen
    finally:
        for client in clients:
            world.shell(client, f"systemctl stop {UNIT} || :")
            seen.answers[client] = [float(line) for line in world.shell(client, "cat /root/answers").splitlines()]
        world.shell("cp1", "systemctl stop counts-the-pods || :")
        for line in world.shell("cp1", "cat /root/counts").splitlines():
            moment, count, *nodes = line.split()
            seen.counts.append((float(moment), int(count), frozenset(nodes)))
        world.kubectl("delete", "deployment,service,poddisruptionbudget", "asked", "--ignore-not-found")
