"""A cluster that has grown and been through a lot: it verifies, and every day's commands work on it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.e2e.faults import without
from tests.e2e.world import World, provisioner
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e


def test_the_whole_grown_cluster_verifies(grown: World, tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    verify = grown.json("verify", "--junit", str(junit))
    assert verify.code == 0, verify
    assert 'failures="0"' in junit.read_text()


def test_a_token_for_administrators_is_a_ready_command(grown: World) -> None:
    said = provisioner("token", "-i", str(grown.inventory), "--ttl", "1h")
    token, pin = r"([a-z0-9]{6})\.[a-z0-9]{16}", r"sha256:[0-9a-f]{64}"
    match = re.fullmatch(rf"kubeadm join \S+:6443 --token {token} --discovery-token-ca-cert-hash {pin}\n", said.stdout)
    assert match, said
    secret = f"bootstrap-token-{match[1]}"
    assert secret in grown.kubectl("-n", "kube-system", "get", "secrets", "-o", "name")
    assert grown.json("plan", "--exit-code").code == 0, "an administrator's token is not ours to remove"
    grown.kubectl("-n", "kube-system", "delete", "secret", secret)


def test_a_command_runs_on_all_machines_and_says_where_it_failed(grown: World) -> None:
    said = grown.run("run", "--", "test $(hostname) != w2")
    assert said.code == 5, said
    assert "failed on w2 (1)" in said.stderr
    assert all(name in said.stdout for name in ("cp1", "w1", "w2"))


def test_a_node_that_the_inventory_does_not_name_is_mentioned(grown: World) -> None:
    with grown.other_inventory(without(grown, "w4")) as path:
        plan = provisioner("plan", "-i", str(path), "--json", "--exit-code")
        status = provisioner("status", "-i", str(path))
    assert (plan.code, plan.planned) == (0, []), plan
    (problem,) = [event["problem"] for event in plan.events if event.get("event") == "found"]
    assert (problem["rule"], problem["where"], problem["severity"]) == ("other-node", "w4", "warning")
    assert re.search(r"w4 +not in the inventory +Ready", status.stdout), status


def test_a_pod_that_does_not_run_is_shown(grown: World) -> None:
    grown.kubectl("run", "broken", "--image=nowhere.example/none:1", "--image-pull-policy=Never")
    try:
        deadline_s = time.monotonic() + LONGEST_S
        while not re.search(r"default/broken +w\d +ErrImageNeverPull", grown.run("status").stdout):
            assert time.monotonic() < deadline_s, grown.run("status")
    finally:
        grown.kubectl("delete", "pod", "broken", "--grace-period=1")
    assert "pods that do not run" not in grown.run("status").stdout


def test_limit_works_on_the_chosen_machines_only(grown: World) -> None:
    grown.shell("w1", "apt-mark unhold kubelet")
    grown.shell("w2", "apt-mark unhold kubelet")
    assert grown.json("apply", "--limit", "w2").changed == [("w2", "hold kubelet")]
    assert grown.json("plan").planned == [("w1", "hold kubelet")]
    assert grown.run("apply", "--limit", "nowhere").code == 2
    assert grown.json("apply").code == 0
