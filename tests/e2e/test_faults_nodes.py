"""What can go wrong while machines become nodes: interrupted runs, tokens, an API server that comes and goes.

`w3` joins after all that, then `w4`, whose sshd forbids forwarding besides.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network

import pytest

from tests.e2e.faults import address, damaged, known_hosts, node_conditions, refused, said_clearly, without, workers
from tests.e2e.running import Running
from tests.e2e.world import World, provisioner
from tests.patience import LONGEST_S

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("counted_fault")]

MANIFESTS = "/etc/kubernetes/manifests"
# kubeadm looks for the token's signature for five minutes; here a few seconds do.
IMPATIENT = r"""
cat >/usr/local/sbin/kubeadm <<'END'
#!/bin/sh
if [ "$1" != join ]; then exec /usr/bin/kubeadm "$@"; fi
sed 's/^discovery:/discovery:\n  timeout: 10s/' | /usr/bin/kubeadm "$@"
END
chmod 755 /usr/local/sbin/kubeadm
"""
TOKEN_TYPE = "bootstrap.kubernetes.io/token"
# Nothing but its socket, which is what kubeadm looks for. It hangs up: the kubelet's cAdvisor waits for an answer.
OTHER_RUNTIME = """
mkdir -p /var/run/crio
cat >/root/crio <<'END'
use IO::Socket::UNIX;
my $crio = IO::Socket::UNIX->new(Local => "/var/run/crio/crio.sock", Listen => 5) or die;
while ($crio->accept) { }
END
systemd-run --quiet --collect --unit=crio perl /root/crio
for second in $(seq 100); do if [ -S /var/run/crio/crio.sock ]; then exit 0; fi; sleep 1; done; exit 1
"""


def tokens(world: World) -> int:
    """How many join tokens there are."""
    return world.kubectl("-n", "kube-system", "get", "secrets", "-o", "name").count("bootstrap-token-")


@contextmanager
def without_component(world: World, name: str) -> Iterator[None]:
    """A part of the control plane is gone for as long as the block lasts."""
    world.shell("cp1", f"mv {MANIFESTS}/{name}.yaml /root/")
    try:
        process = name.replace("-", "[-]", 1)
        world.shell("cp1", f"for second in $(seq 500); do pgrep -f '^{process}' || exit 0; sleep 1; done; exit 1")
        yield
    finally:
        world.shell("cp1", f"if [ -e /root/{name}.yaml ]; then mv /root/{name}.yaml {MANIFESTS}/; fi")


def test_a_worker_of_another_cluster_while_there_is_none(grown: World) -> None:
    """As if w4's control plane had been rebuilt, as w3: which cluster it belongs to, how to look; no reset."""
    document = without(grown, "w1", "w2")
    document["all"]["children"]["control_plane"]["hosts"] = {"w3": workers(document).pop("w3")}
    conf = "clusters:\\n- cluster:\\n    server: https://10.9.9.9:6443\\n"
    damage = f"mkdir -p /etc/kubernetes; printf '{conf}' >/etc/kubernetes/kubelet.conf"
    words = ("w4: is a node of a cluster that w3 does not run (API server https://10.9.9.9:6443", "`kubeadm reset`")
    with damaged(grown, "w4", damage, "rm -r /etc/kubernetes"):
        refused(grown, document, 3, *words, "on w4")
        assert grown.shell("w4", "ls /etc/kubernetes") == "kubelet.conf\n"


def test_a_token_that_is_gone_before_it_is_used(grown: World) -> None:
    """As if it had expired. The next run makes another one."""
    with (
        damaged(grown, "w3", IMPATIENT, "rm /usr/local/sbin/kubeadm"),
        grown.other_inventory(without(grown, "w4")) as path,
        Running("apply", path) as run,
    ):
        run.step("w3", "kubeadm join")
        grown.kubectl("-n", "kube-system", "delete", "secret", "--field-selector", f"type={TOKEN_TYPE}")
        said = run.ended()
    assert said.code == 5, said
    assert "The join token has expired, or was deleted" in said.stdout, said
    assert said.report["hosts"]["w3"]["failed"] == 1, said
    assert tokens(grown) == 0


def test_a_token_that_is_not_signed_yet(grown: World) -> None:
    """The controller manager signs tokens, and is away for a while: that is waited for, and seen.

    A second runtime's socket on the machine that joins does not confuse kubeadm: its configuration names the right one.
    """
    with (
        damaged(grown, "w3", OTHER_RUNTIME, "systemctl stop crio; rm -r /var/run/crio"),
        grown.other_inventory(without(grown, "w4")) as path,
        Running("apply", path) as run,
    ):
        with without_component(grown, "kube-controller-manager"):
            run.step("cp1", "make a join token for w3")
            time.sleep(8)
        said = run.ended()
    assert said.code == 0, said
    (made,) = [e for e in said.events if e.get("event") == "step_ended" and e["title"].startswith("make a join token")]
    assert made["seconds"] > 6, said
    assert node_conditions(grown)["w3"] == "True"
    assert tokens(grown) == 0


def test_another_machine_under_the_name_of_a_node(grown: World) -> None:
    """A Ready node is not taken over: two machines want the same name, and the administrator has to decide."""
    document = without(grown, "w4")
    workers(document)["w1"]["ansible_host"] = address(grown, "w4")
    name_taken = "already has a Ready node of that name"
    refused(grown, document, 3, "w1", name_taken, address(grown, "w1"), "kubectl delete node w1")
    assert grown.shell("w4", "ls /etc/kubernetes 2>/dev/null || :") == ""


def test_an_api_server_that_goes_away_while_a_machine_joins(grown: World) -> None:
    """The run says so or gets through; either way the next one completes it.

    `w4` has an sshd that forbids forwarding: the bundle is uploaded to it instead.
    """
    grown.shell("w4", "echo 'AllowTcpForwarding no' >/etc/ssh/sshd_config.d/forwarding.conf; systemctl reload ssh")
    with Running("apply", grown.inventory) as run:
        run.step("w4", "kubeadm join")
        with without_component(grown, "kube-apiserver"):
            time.sleep(5)
        said = run.ended()
    assert any("uploaded" in event.get("what", "") for event in said.events), said
    assert said.code in (0, 5), said
    assert said.code == 0 or "API server" in said.stdout, said
    again = grown.json("apply")
    assert again.code == 0, again
    assert node_conditions(grown)["w4"] == "True"
    assert tokens(grown) == 0
    assert grown.shell("w4", "ls -d /run/provisioner /var/lib/provisioner/run 2>/dev/null || :") == ""
    assert grown.json("plan", "--exit-code").code == 0


def test_an_api_server_that_is_slow_to_start(grown: World) -> None:
    """An existing but silent cluster is waited for, with a deadline; it is never made again."""
    grown.shell("w1", "apt-mark unhold kubelet")
    with without_component(grown, "kube-apiserver"), Running("apply", grown.inventory) as run:
        run.step("cp1", "wait until the API server answers")
        time.sleep(5)
        grown.shell("cp1", f"mv /root/kube-apiserver.yaml {MANIFESTS}/")
        said = run.ended()
    assert said.code == 0, said
    assert ("cp1", "wait until the API server answers") in said.changed, said
    assert ("w1", "hold kubelet") in said.changed, said
    assert set(node_conditions(grown)) == {"cp1", "w1", "w2", "w3", "w4"}


def test_a_node_that_was_reinstalled(grown: World) -> None:
    """Same name, same address, everything else new: its key has to be confirmed, then it joins again."""
    known = (grown.inventory.parent / "known_hosts").read_text()
    subprocess.run(["docker", "rm", "-fv", f"provisioner-lab-{grown.name}-w2"], check=True, capture_output=True)
    up = provisioner("lab", "up", "--name", grown.name, "--workers", "4", "--machines-only", "--json")
    assert up.code == 0, up
    with known_hosts(grown, known) as path:
        said_clearly(grown.run("apply"), 4, "w2", "host key has CHANGED", "provisioner trust")
        forget = ["ssh-keygen", "-R", address(grown, "w2"), "-f", str(path)]
        subprocess.run(forget, check=True, capture_output=True)
        assert grown.run("trust", "--yes").code == 0
        done = grown.json("apply")
        assert done.code == 0, done
        assert any(host == "w2" and title.startswith("kubeadm join") for host, title in done.changed), done
    assert node_conditions(grown)["w2"] == "True"
    assert grown.json("plan", "--exit-code").code == 0


def test_a_node_that_was_deleted_joins_again_without_its_old_bridge(grown: World) -> None:
    """It gets another pod CIDR, and a bridge keeps the address that it has."""
    address_of_bridge = "ip -o -4 address show cni0 2>/dev/null | awk '{ print $4 }' || :"
    before = grown.shell("w1", address_of_bridge).strip()
    if not before:
        before = "10.9.9.1/24"
        grown.shell("w1", f"ip link add cni0 type bridge 2>/dev/null || :; ip address add {before} dev cni0")
    grown.kubectl("delete", "node", "w1")
    step = ("w1", "kubeadm join, after a reset: the cluster has no such node")
    plan = grown.json("plan")
    assert [(host, what[: len(step[1])]) for host, what in plan.planned].count(step) == 1, plan
    done = grown.json("apply")
    assert done.code == 0, done
    assert {host for host, _ in done.changed} <= {host for host, _ in plan.planned}, done
    assert before not in grown.shell("w1", address_of_bridge)
    assert node_conditions(grown)["w1"] == "True"
    assert grown.json("plan", "--exit-code").code == 0


def test_a_node_that_was_deleted_and_came_back_by_itself_gets_pods_again(grown: World) -> None:
    """Its kubelet creates the Node object again: Ready, with another pod CIDR, and a bridge that keeps its address."""
    here = {"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "w1"}}}}}
    grown.kubectl("create", "deployment", "here", "--image=provisioner/probe:1", "--", "sleep", "3600")
    try:
        grown.kubectl("patch", "deployment", "here", f"--patch={json.dumps(here)}")
        grown.kubectl("rollout", "status", "deployment/here", f"--timeout={LONGEST_S}s")
        grown.kubectl("delete", "node", "w1")
        grown.shell("w1", "systemctl restart kubelet")
        grown.shell("cp1", "until kubectl --kubeconfig=/etc/kubernetes/admin.conf get node w1; do sleep 0.5; done")
        grown.kubectl("wait", "--for=condition=Ready", "node/w1", f"--timeout={LONGEST_S}s")
        verified = grown.json("verify", "--limit", "w1")
        assert verified.code == 6, verified
        assert "no new pod can start" in verified.stdout, verified
        plan = grown.json("plan")
        assert any(host == "w1" and what.startswith("remove cni0, whose") for host, what in plan.planned), plan
        done = grown.json("apply")
        assert done.code == 0, done
        grown.kubectl("rollout", "status", "deployment/here", f"--timeout={LONGEST_S}s")
        address = grown.kubectl("get", "pods", "-l", "app=here", "-o", "jsonpath={.items[*].status.podIP}")
        assert ip_address(address) in ip_network(grown.kubectl("get", "node", "w1", "-o", "jsonpath={.spec.podCIDR}"))
        assert grown.json("plan", "--exit-code").code == 0
    finally:
        grown.kubectl("delete", "deployment", "here")
