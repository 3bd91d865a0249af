"""What must hold of a bring-up and of every run after it, seen on real machines and a real cluster."""

from __future__ import annotations

import json
import ssl
import stat
import subprocess
import urllib.request
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from provisioner.catalog.kubernetes import rules_for
from tests.e2e.world import Said, World, provisioner
from tests.patience import LONGEST_S

pytestmark = pytest.mark.e2e

ADMIN_CONF = "/etc/kubernetes/admin.conf"
DAEMON_JSON = "/etc/docker/daemon.json"
SYSCTL_FILE = "/etc/sysctl.d/99-provisioner.conf"


def test_a_plan_on_fresh_machines_changes_nothing_and_lists_every_step(lab: World) -> None:
    plan: Said = lab.notes["plan"]
    assert plan.code == 10, plan
    for machine in lab.machines:
        before, after = (set(lab.notes[when][machine].splitlines()) for when in ("before", "after"))
        assert sorted(before ^ after) == [], machine
    done = {(host, title) for host, title in lab.notes["up"].changed}
    planned = {(host, summary) for host, summary in plan.planned}
    # What was planned before anything was known is what was done, but for words that say what was learnt since.
    assert {host for host, _ in planned} == set(lab.machines)
    assert ("cp1", "kubeadm init, without addon/coredns") in planned & done
    assert {("w1", "kubeadm join"), ("w2", "kubeadm join")} <= planned & done


def test_the_plan_says_what_it_does_not_know_yet(lab: World) -> None:
    joins = [event for event in lab.notes["plan"].events if event.get("summary") == "kubeadm join"]
    assert [event["waits_for"] for event in joins] == ["the CA's hash, known after kubeadm init"] * 2


def test_the_plan_shows_diffs(lab: World) -> None:
    (step,) = [e for e in lab.notes["plan"].events if e.get("host") == "w1" and DAEMON_JSON in e.get("summary", "")]
    assert '+  "exec-opts": [' in step["diff"]


def test_bringing_up_verifies_the_cluster(lab: World) -> None:
    assert lab.notes["up"].code == 0
    assert any("verified:" in event.get("text", "") for event in lab.notes["up"].events)


def test_what_the_bundle_lacks_is_said_in_plan_and_report(lab: World) -> None:
    for said in (lab.notes["plan"], lab.notes["up"]):
        assert any("CoreDNS" in text for text in said.report["skipped"]), said


def test_a_second_apply_changes_nothing_and_takes_few_round_trips(lab: World) -> None:
    again = lab.json("apply")
    assert again.code == 0, again
    assert again.report["result"] == "ok"
    assert again.report["changed"] == 0
    assert set(again.report["hosts"]) == {"cp1", "w1", "w2"}
    for told in again.report["hosts"].values():
        assert told["changed"] == 0
        assert told["round_trips"] <= 3
        assert told["seconds"] > 0


def test_the_kubeconfig_at_home_opens_the_cluster(lab: World) -> None:
    path = lab.inventory.parent / "kubeconfig"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(_nodes(path)) == {"cp1", "w1", "w2"}


def test_the_login_user_has_a_kubeconfig(lab: World) -> None:
    listing = lab.shell("cp1", "stat -c '%a %U' /home/admin/.kube/config; su admin -c 'kubectl get nodes -o name'")
    assert listing.split() == ["600", "admin", "node/cp1", "node/w1", "node/w2"]


def test_a_program_in_admin_conf_is_not_taken_home_and_the_way_out_is_one(lab: World, tmp_path: Path) -> None:
    """What the message says to run is run there; the cluster's own file is put back."""
    lab.shell("cp1", f"cp -p {ADMIN_CONF} /root/kept.conf")
    try:
        exec_ = "--exec-command=/bin/false --exec-api-version=client.authentication.k8s.io/v1beta1"
        lab.shell("cp1", f"kubectl --kubeconfig {ADMIN_CONF} config set-credentials kubernetes-admin {exec_}")
        refused = lab.run("kubeconfig", "-o", str(tmp_path / "config"))
        assert refused.code == 5, refused
        assert "users[0].user.exec is not allowed" in refused.stderr
        assert not (tmp_path / "config").exists()
        lab.shell("cp1", refused.stderr.partition("on cp1: ")[2].splitlines()[0])
        taken = lab.run("kubeconfig", "-o", str(tmp_path / "config"))
        assert taken.code == 0, taken
        assert set(_nodes(tmp_path / "config")) == {"cp1", "w1", "w2"}
    finally:
        lab.shell("cp1", f"mv /root/kept.conf {ADMIN_CONF}; rm -f /root/admin.conf")


def test_the_catalog_knows_the_images_that_kubeadm_asks_for(lab: World) -> None:
    listed = lab.shell("cp1", "kubeadm config images list --kubernetes-version v1.20.2").split()
    assert set(listed) == set(rules_for("1.20").images(2).values())


def test_packages_are_pinned_and_held(lab: World) -> None:
    held = lab.shell("w1", "apt-mark showhold").split()
    assert {"kubelet", "kubeadm", "kubectl", "docker.io", "containerd", "kubernetes-cni"} <= set(held)
    assert lab.shell("w1", "dpkg-query -W -f '${Version}' kubelet").startswith("1.20.2-")


def test_nodes_have_no_python_and_no_way_out(lab: World) -> None:
    assert lab.shell("w1", "command -v python3 python perl6 || echo none") == "none\n"


def test_no_join_token_is_left(lab: World) -> None:
    assert lab.kubectl("-n", "kube-system", "get", "secrets", "-o", "name").count("bootstrap-token-") == 0


def test_one_changed_value_is_one_file_and_the_restart_that_follows(lab: World) -> None:
    document = lab.document()
    document["all"]["vars"]["cluster"]["runtime"] = {"type": "docker", "log_max_size": "50m"}
    wanted = [(host, f"change {DAEMON_JSON}") for host in lab.machines]
    wanted += [(host, f"restart docker.service ({DAEMON_JSON} is newer)") for host in lab.machines]
    with lab.other_inventory(document) as path:
        plan = lab.json("plan", "-i", str(path))
        assert sorted(plan.planned) == sorted(wanted), plan
        assert '+    "max-size": "50m"' in "".join(e.get("diff", "") for e in plan.events)
        done = lab.json("apply", "-i", str(path))
        assert done.code == 0, done
        assert sorted(done.changed) == sorted(wanted), done
        assert '"max-size": "50m"' in lab.shell("w1", f"cat {DAEMON_JSON}")
    back = lab.json("apply")
    assert back.code == 0, back
    assert back.report["changed"] == len(wanted)
    assert lab.json("apply").report["changed"] == 0


def test_damages_are_planned_named_and_fixed(lab: World) -> None:
    """Each is of another kind; all at once, because each verification takes its time."""
    damages = [
        ("w1", f"rm {SYSCTL_FILE}", f"create {SYSCTL_FILE} (0644)", "settings_at_boot"),
        ("w1", "systemctl stop kubelet", "start kubelet.service", "kubelet_runs"),
        ("w2", "apt-mark unhold kubelet", "hold kubelet", "holds"),
        ("w2", "ip route del 10.244.0.0/24", "set the pods' routes and firewall rules", "routes"),
        ("w2", "echo net.ipv4.ip_forward=0 >/etc/sysctl.d/99-zz.conf", "comment out ", "settings_at_boot"),
        ("w2", "chmod 644 /etc/kubernetes/kubelet.conf", "restrict ", "secrets_are_closed"),
    ]
    for machine, damage, _, _ in damages:
        lab.shell(machine, damage)
    plan = lab.json("plan", "--exit-code")
    assert plan.code == 10, plan
    assert len(plan.planned) == len(damages), plan
    for machine, _, planned, _ in damages:
        assert [step for step in plan.planned if step[0] == machine and step[1].startswith(planned)], (planned, plan)
    verify = lab.json("verify")
    assert verify.code == 6, verify
    found = {(problem["where"], problem["rule"]) for problem in verify.report["problems"]}
    assert found >= {(machine, rule) for machine, _, _, rule in damages}, verify
    fixed = lab.json("apply")
    assert fixed.code == 0, fixed
    # A node whose kubelet has been silent for long enough is waited for, too.
    done = [step for step in fixed.changed if not step[1].startswith("wait until")]
    assert sorted(done) == sorted(plan.planned), fixed
    assert lab.json("plan", "--exit-code").code == 0
    verify = lab.json("verify")
    assert verify.code == 0, verify
    lab.shell("w2", "rm /etc/sysctl.d/99-zz.conf")


def test_labels_and_taints_are_set_and_taken_away(lab: World) -> None:
    document = lab.document()
    host = document["all"]["children"]["workers"]["hosts"]["w2"]
    host |= {"node_labels": {"disk": "ssd"}, "node_taints": ["dedicated=db:NoSchedule"]}
    with lab.other_inventory(document) as path:
        done = lab.json("apply", "-i", str(path))
        assert done.changed == [("cp1", "label and taint w2")], done
        node = json.loads(lab.kubectl("get", "node", "w2", "-o", "json"))
        assert node["metadata"]["labels"]["disk"] == "ssd"
        assert node["spec"]["taints"] == [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]
        host["node_taints"] = []
        with lab.other_inventory(document) as without:
            lab.json("apply", "-i", str(without))
        assert "taints" not in json.loads(lab.kubectl("get", "node", "w2", "-o", "json"))["spec"]
        path.touch()


def test_a_machine_that_is_started_again_is_a_node_again(lab: World) -> None:
    """Routes, firewall rules and services come back by themselves after a reboot."""
    subprocess.run(["docker", "restart", "-t", "20", f"provisioner-lab-{lab.name}-w1"], check=True, capture_output=True)
    up = provisioner("lab", "up", "--name", lab.name, "--machines-only", "--json")
    assert up.code == 0, up
    plan = lab.json("plan")
    assert plan.planned in ([], [("cp1", "wait until w1 is Ready")]), plan
    assert lab.json("apply").code == 0
    verify = lab.json("verify")
    assert verify.code == 0, verify


def _nodes(kubeconfig: Path) -> list[str]:
    """The names of the nodes, asked of the API server with this kubeconfig, without kubectl."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    directory = kubeconfig.parent / "client"
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "cert").write_bytes(b64decode(user["client-certificate-data"]))
    (directory / "key").write_bytes(b64decode(user["client-key-data"]))
    context = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    context.load_cert_chain(directory / "cert", directory / "key")
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    address = f"{cluster['server']}/api/v1/nodes"
    with urllib.request.urlopen(address, context=context, timeout=LONGEST_S) as answer:  # noqa: S310 - https of our own lab
        return [node["metadata"]["name"] for node in json.load(answer)["items"]]
