"""A worker that was taken over says what it likes, with its kubelet's own rights: nothing of that reaches another."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.e2e

OWN = "kubectl --kubeconfig /etc/kubernetes/kubelet.conf"
# What the script of routes was broken out of with: the end of its list, and a command.
LIE = "{address}\nEND\n}}\ntouch /hacked\nall_routes() {{\n  cat <<'END'"
SCRIPT = "/usr/local/sbin/provisioner-pod-network"


def address(lab: World) -> str:
    node = json.loads(lab.shell("w2", f"{OWN} get node w2 -o json"))
    return str(next(one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"))


@pytest.fixture
def lying(lab: World) -> Iterator[str]:
    """w2's own kubelet is silent, and an attacker speaks in its name; returns its real address."""
    honest = address(lab)
    lab.shell("w2", "systemctl stop kubelet")
    try:
        node = json.loads(lab.shell("w2", f"{OWN} get node w2 -o json"))
        node["status"]["addresses"] = [
            {**one, "address": LIE.format(address=honest)} if one["type"] == "InternalIP" else one
            for one in node["status"]["addresses"]
        ]
        lab.shell("w2", f"{OWN} replace --raw /api/v1/nodes/w2/status -f - <<'TOLD'\n{json.dumps(node)}\nTOLD\n")
        assert "touch /hacked" in address(lab), "the API server has refused it, and there is nothing to see"
        yield honest
    finally:
        lab.shell("w2", "systemctl start kubelet")
        tell = (
            f"{OWN} get node w2 -o jsonpath='{{.status.addresses}} {{.status.conditions[?(@.type==\"Ready\")].status}}'"
        )
        wait = f"for i in $(seq 500); do case $({tell}) in *hacked*) ;; *True) exit 0 ;; esac; sleep 1; done; exit 1"
        lab.shell("w2", wait)


def test_nothing_of_what_a_kubelet_lies_reaches_a_machine(lab: World, lying: str) -> None:
    plan = lab.json("plan")
    assert "odd-answer" in plan.stdout, plan
    applied = lab.json("apply")
    assert applied.code not in (0, 1), applied
    assert "w2: its node in the cluster reports an impossible value: its InternalIP" in applied.stdout + applied.stderr
    for machine in lab.machines:
        assert lab.shell(machine, f"ls /hacked 2>/dev/null || :; grep -n hacked {SCRIPT} || :") == ""
    assert lying not in lab.shell("w1", f"cat {SCRIPT}"), "its route is removed"


def test_when_its_kubelet_speaks_again_all_is_as_before(lab: World) -> None:
    assert lab.json("apply").code == 0
    assert address(lab) in lab.shell("w1", f"cat {SCRIPT}")
    assert lab.json("plan", "--exit-code").code == 0
