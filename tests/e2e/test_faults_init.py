"""`kubeadm init` that cannot begin, or that breaks off half-way: said clearly, and fixed by the next run.

A lab of its own with one control plane, because the cluster of the others is made already.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.faults import NODE_PATHS, applied, damaged, failed, node_conditions, refused
from tests.e2e.machines import fresh
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("counted_fault")]

LAB = "e2e-init"
# kubeadm waits for minutes for a kubelet; here the first complaint of it is enough.
IMPATIENT = """
cat >/usr/local/sbin/kubeadm <<'END'
#!/bin/sh
if [ "$1" = init ]; then exec timeout -s KILL SECONDS /usr/bin/kubeadm "$@"; fi
exec /usr/bin/kubeadm "$@"
END
chmod 755 /usr/local/sbin/kubeadm
"""
BROKEN_KUBELET = """
mkdir -p /etc/systemd/system/kubelet.service.d
printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >/etc/systemd/system/kubelet.service.d/99-broken.conf
systemctl daemon-reload
"""
REPAIRED_KUBELET = "rm /etc/systemd/system/kubelet.service.d/99-broken.conf; systemctl daemon-reload"


@pytest.fixture(scope="module")
def machine() -> Iterator[World]:
    """One machine that is to become a control plane."""
    with fresh(LAB, workers=0) as world:
        yield world


def test_the_api_servers_port_is_taken(machine: World) -> None:
    squatter = "systemd-run --quiet --unit=squatter systemd-socket-activate -l 6443 /bin/cat; sleep 1"
    with damaged(machine, "cp1", squatter, "systemctl stop squatter"):
        refused(machine, machine.document(), 3, "cp1", "port 6443 is taken by systemd-socket")
    assert machine.shell("cp1", NODE_PATHS) == ""


def test_what_an_earlier_cluster_has_left_on_a_control_plane(machine: World) -> None:
    """Each thing with its way out, all at once; nothing is taken away."""
    damage = """
    mkdir -p /etc/kubernetes /var/lib/etcd/member; echo old >/var/lib/etcd/member/x
    printf 'clusters:\n- cluster:\n    server: https://10.9.9.9:6443\n' >/etc/kubernetes/kubelet.conf
    ip link add cni0 type bridge; ip address add 10.244.9.1/24 dev cni0
    """
    repair = "ip link delete cni0; rm -r /etc/kubernetes /var/lib/etcd/member"
    words = (
        "cp1: is already a worker of a cluster (API server https://10.9.9.9:6443", "`kubeadm reset` on cp1",
        "cp1: /var/lib/etcd is not empty", "`mv /var/lib/etcd /var/lib/etcd.old`",
        "cp1: has the interface cni0 of an earlier network (10.244.9.1/24)", "`ip link delete cni0` on cp1",
    )  # fmt: skip
    with damaged(machine, "cp1", damage, repair):
        refused(machine, machine.document(), 3, *words)
        assert machine.shell("cp1", "cat /var/lib/etcd/member/x; ls /etc/kubernetes") == "old\nkubelet.conf\n"
        assert "10.244.9.1/24" in machine.shell("cp1", "ip address show cni0")
    assert machine.shell("cp1", NODE_PATHS) == ""


def test_a_kubelet_that_cannot_start(machine: World) -> None:
    """kubeadm's own words about the kubelet, and where to look; nothing counts as done."""
    with (
        damaged(machine, "cp1", IMPATIENT.replace("SECONDS", "50"), "rm /usr/local/sbin/kubeadm"),
        damaged(machine, "cp1", BROKEN_KUBELET, REPAIRED_KUBELET),
    ):
        failed(
            machine, machine.document(), 5, "cp1", "kubeadm init", "The kubelet is not running", "journalctl -u kubelet"
        )
        plan = machine.json("plan")
    assert any("again, after a reset: the last attempt did not finish" in what for _, what in plan.planned), plan


def test_an_init_that_is_killed_half_way(machine: World) -> None:
    """etcd and the API server may run already; the next run resets all of it and makes the cluster."""
    with damaged(machine, "cp1", IMPATIENT.replace("SECONDS", "9"), "rm /usr/local/sbin/kubeadm"):
        failed(machine, machine.document(), 5, "cp1", "kubeadm init", "was killed (exit code 137)")
        assert machine.shell("cp1", "ls /etc/kubernetes/manifests") != ""
    done = applied(machine, machine.document())
    assert any(title.startswith("kubeadm init again, after a reset") for _, title in done.changed), done
    assert node_conditions(machine) == {"cp1": "True"}
