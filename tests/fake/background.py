"""What happens by itself as time passes: kubelets start pods, register and report, controllers do what is due."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

from provisioner.core.objects import Object, containers
from provisioner.networks.bridge import CONFLIST
from provisioner.networks.choice import owner_of_daemon_set
from provisioner.networks.plug_in import CNI_DIRECTORY
from provisioner.resources.images import full_name
from tests.fake.cluster import selector
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
        for path in machine.below(MANIFESTS):
            name = path.rpartition("/")[2].removesuffix(".yaml")
            cluster.system_pods.setdefault(f"{machine.name} {name}-{machine.name}", True)
        for item in cluster.daemon_sets():
            if selector(item).items() <= cluster.nodes[machine.name].labels.items():
                _run_network(machine, item)
            else:
                machine.containers.discard(item["metadata"]["name"])
        _run_pods(machine)
    cluster.hear(machine.name, machine.clock.now_s, alive=alive, networked=machine.there(CNI_DIRECTORY))


def network_file(item: Object) -> str:
    """Where a DaemonSet of a network plug-in writes its configuration."""
    metadata = item["metadata"]
    owner = owner_of_daemon_set(f"{metadata['namespace']}/{metadata['name']}")
    file = owner.files[0] if owner else f"10-{metadata['name']}.conflist"
    return f"{CNI_DIRECTORY}/{file}"


def lacks_image(machine: Machine, item: Object) -> str:
    """An image of a DaemonSet's that the machine has not and cannot fetch."""
    has = set(map(full_name, machine.images))
    images = (container["image"] for container in containers(item))
    return "" if machine.repositories else next((image for image in images if full_name(image) not in has), "")


def _run_network(machine: Machine, item: Object) -> None:
    if machine.name in machine.cluster.nodes and not lacks_image(machine, item):
        machine.containers.add(item["metadata"]["name"])
        if network_file(item) not in machine.files:
            machine.put(network_file(item), item["metadata"]["name"])


def _run_pods(machine: Machine) -> None:
    """CNI's `bridge` makes its interface for the first pod. An existing one keeps its address."""
    network = network_of(machine)
    if machine.name in machine.cluster.nodes and network:
        machine.links.setdefault("cni0", f"{network[1]}/{network.prefixlen}")


def network_of(machine: Machine) -> IPv4Network | None:
    """The addresses that `bridge` gives to pods there."""
    subnet = re.search(r'"subnet": "(\S+?)"', machine.read(CONFLIST))
    return IPv4Network(subnet[1]) if subnet else None


def _runtime(machine: Machine) -> str:
    return "containerd" if "remote" in machine.read(KUBELET_FLAGS) else "docker"


def _register(machine: Machine) -> None:
    bootstrap = machine.files.get(BOOTSTRAP_CONF)
    if bootstrap and KUBELET_CONF not in machine.files:
        machine.put(KUBELET_CONF, bootstrap.text, "600")
    if f"# life {machine.cluster.life}\n" in machine.read(KUBELET_CONF):
        machine.cluster.enter(machine.name, machine.address, f"{_runtime(machine)}://1", machine.clock.now_s)
