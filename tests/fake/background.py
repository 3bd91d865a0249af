"""What happens by itself as time passes: kubelets start pods, register and report, controllers do what is due."""

from __future__ import annotations

from provisioner.networks.bridge import CONFLIST
from tests.fake.services import KUBELET, KUBELET_CONFIG, KUBELET_FLAGS, RUNTIMES
from tests.fake.state import Machine

MANIFESTS = "/etc/kubernetes/manifests"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
BOOTSTRAP_CONF = "/etc/kubernetes/bootstrap-kubelet.conf"
ETCD_DATA = "/var/lib/etcd"


def pass_moment(machine: Machine) -> None:
    """A second of the world in which that machine stands."""
    machine.clock.now_s += 1
    for one in machine.fleet.values():
        _kubelet(one)
    machine.cluster.work(machine.clock.now_s)


def _kubelet(machine: Machine) -> None:
    cluster = machine.cluster
    alive = (
        machine.up
        and machine.runs(KUBELET)
        and machine.runs(RUNTIMES[_runtime(machine)])
        and KUBELET_CONFIG in machine.files
    )
    if alive:
        machine.containers |= {path for path in machine.files if path.startswith(f"{MANIFESTS}/")} | {"kube-proxy"}
    if alive and cluster.api == "down" and machine.there(f"{MANIFESTS}/etcd.yaml"):
        if not machine.there(ETCD_DATA):
            cluster.born()
            machine.put(f"{ETCD_DATA}/member", "the cluster's objects", "600")
        cluster.api = "starting"
    if alive and cluster.api == "up":
        _register(machine)
    cluster.hear(machine.name, machine.clock.now_s, alive=alive, networked=machine.there(CONFLIST))


def _runtime(machine: Machine) -> str:
    return "containerd" if "remote" in machine.read(KUBELET_FLAGS) else "docker"


def _register(machine: Machine) -> None:
    bootstrap = machine.files.get(BOOTSTRAP_CONF)
    if bootstrap and KUBELET_CONF not in machine.files:
        machine.put(KUBELET_CONF, bootstrap.text, "600")
    if f"# life {machine.cluster.life}\n" in machine.read(KUBELET_CONF):
        machine.cluster.enter(machine.name, machine.address, f"{_runtime(machine)}://1", machine.clock.now_s)
