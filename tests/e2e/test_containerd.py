"""containerd as the runtime, on real machines: brought up, killed and brought up again, broken by hand and fixed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator

import pytest
import yaml

from provisioner.runtimes.containerd import CONFIG
from tests.e2e.machines import fresh
from tests.e2e.world import ENVIRONMENT, PROGRAM, World, provisioner
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

LAB = "e2e-containerd"
CONTAINERS = "ctr --namespace k8s.io containers ls -q"
# By then the first of the control plane's containers exist, which a reset must remove.


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    """One control plane and one worker, without a cluster yet, and an inventory that wants containerd."""
    with fresh(LAB, workers=1) as world:
        document = world.document()
        document["all"]["vars"]["cluster"]["runtime"] = {"type": "containerd"}
        other = world.inventory.with_name("containerd.yaml")
        other.write_text(yaml.safe_dump(document))
        yield World(LAB, other, world.machines)


@pytest.fixture(scope="module")
def killed(made: World) -> str:
    """A first apply that was killed in the middle of `kubeadm init`: the ids of the containers that it left running."""
    argv = [sys.executable, "-c", PROGRAM, "apply", "-i", str(made.inventory), "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"step_began"' in line and "kubeadm init" in line:
                until = time.monotonic() + LONGEST_S
                while len(made.shell("cp1", CONTAINERS).split()) < 2 and time.monotonic() < until:
                    time.sleep(0.2)
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    # What it has begun on the machine may go on for a while; the next run waits for it.
    return made.shell("cp1", CONTAINERS)


@pytest.fixture(scope="module")
def lab(made: World, killed: str) -> World:
    """The cluster, by the same command again."""
    made.shell("cp1", "mkdir -p /etc/kubernetes/provisioner; touch /etc/kubernetes/provisioner/init-begun")
    up = made.json("apply")
    assert up.code == 0, up
    made.notes = {"up": up}
    return made


def test_a_run_that_is_killed_during_init_is_simply_run_again(lab: World, killed: str) -> None:
    (init,) = [title for _, title in lab.notes["up"].changed if title.startswith("kubeadm init")]
    assert init.startswith("kubeadm init again, after a reset")
    assert len(killed.split()) > 1, "the killed run has left containers"
    assert not set(killed.split()) & set(lab.shell("cp1", CONTAINERS).split())


def test_the_report_says_what_kubeadm_has_not_checked(lab: World) -> None:
    assert any("kubeadm's own preflight is left out" in text for text in lab.notes["up"].report["skipped"])


def test_pods_run_with_containerd_alone(lab: World) -> None:
    runtimes = lab.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}")
    assert [name.partition(":")[0] for name in runtimes.split()] == ["containerd"] * 2
    for machine in lab.machines:
        assert lab.shell(machine, "command -v dockerd docker || echo none") == "none\n"
        flags = lab.shell(machine, "cat /var/lib/kubelet/kubeadm-flags.env")
        assert "--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock" in flags


def test_the_daemon_says_that_it_is_set_as_desired(lab: World) -> None:
    told = tomllib.loads(lab.shell("w1", "containerd config dump"))
    plugin = told["plugins"]["io.containerd.grpc.v1.cri"]
    assert plugin["sandbox_image"] == "k8s.gcr.io/pause:3.2"
    assert plugin["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    assert plugin["cni"]["bin_dir"] == "/opt/cni/bin"
    pods = lab.shell("w1", "cat /proc/[0-9]*/cgroup 2>/dev/null | grep kubepods || :")
    assert "kubepods.slice" in pods
    assert "/kubepods/" not in pods


def test_a_second_apply_changes_nothing_and_the_cluster_verifies(lab: World) -> None:
    again = lab.json("apply")
    assert again.code == 0, again
    assert again.report["changed"] == 0
    assert all(told["round_trips"] <= 3 for told in again.report["hosts"].values())
    verify = lab.json("verify")
    assert verify.code == 0, verify


def test_a_configuration_that_was_changed_by_hand_is_planned_named_fixed_and_read(lab: World) -> None:
    lab.shell("w1", f"sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' {CONFIG}; systemctl restart containerd")
    wanted = [("w1", f"change {CONFIG}"), ("w1", f"restart containerd.service ({CONFIG} is newer)")]
    plan = lab.json("plan", "--exit-code")
    assert plan.code == 10, plan
    assert plan.planned == wanted, plan
    verify = lab.json("verify")
    assert verify.code == 6, verify
    assert any("cgroup driver" in problem["message"] for problem in verify.report["problems"]), verify
    fixed = lab.json("apply")
    assert fixed.code == 0, fixed
    assert fixed.changed == wanted, fixed
    assert "SystemdCgroup = true" in lab.shell("w1", "containerd config dump")
    assert lab.json("plan", "--exit-code").code == 0


def test_an_image_that_is_gone_is_loaded_again(lab: World) -> None:
    lab.shell("w1", "ctr --namespace k8s.io images rm docker.io/provisioner/probe:1")
    done = lab.json("apply")
    assert done.changed == [("w1", "load image provisioner/probe:1")], done


def test_the_runtime_of_running_nodes_is_not_changed(lab: World) -> None:
    with lab.changed_inventory(runtime={"type": "docker"}) as path:
        said = provisioner("apply", "-i", str(path))
    assert said.code == 3, said
    text = " ".join(said.stderr.split())
    for machine in lab.machines:
        assert f"{machine}: is a node that runs its pods with containerd" in text, said
    assert lab.json("plan", "--exit-code").code == 0
