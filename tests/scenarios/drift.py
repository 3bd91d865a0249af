"""What happens to machines and clusters behind our back, by name."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.networks.bridge import CONFLIST, SCRIPT, UNIT
from provisioner.plays.kubernetes_packages import KUBELET_DEFAULTS
from provisioner.runtimes.docker import DAEMON_JSON
from tests.fake import kernel, power, services
from tests.fake.cluster import FakeToken
from tests.fake.state import FakeUnit, Machine
from tests.fake.world import World

Drift = Callable[[World, Machine], object]


def _kept(machine: Machine, path: str, text: str) -> None:
    if path in machine.files:
        machine.put(path, text)


def _chmod(machine: Machine, path: str) -> None:
    if path in machine.files:
        machine.files[path].mode = "600"


def _state(machine: Machine, package: str, state: str) -> None:
    if package in machine.packages:
        machine.packages[package].state = state


def _hold(machine: Machine, package: str) -> None:
    if package in machine.packages:
        machine.packages[package].held = False


def _version(machine: Machine, package: str) -> None:
    if package in machine.packages:
        machine.packages[package].version = "0.1"


def _disable(machine: Machine, unit: str) -> None:
    machine.units.get(unit, FakeUnit()).enabled = False


def _swap(machine: Machine) -> None:
    machine.put("/etc/fstab", "/swap none swap sw 0 0\n")
    machine.swap.add("/swap")


def _setting(machine: Machine) -> None:
    machine.settings["net.ipv4.ip_forward"] = "0"


def _unload(machine: Machine) -> None:
    """A module's settings go with it."""
    for module in list(machine.modules):
        machine.modules.discard(module)
        for name in kernel.LOADABLE[module]:
            machine.settings.pop(name, None)


def _later_setting(machine: Machine) -> None:
    machine.put("/etc/sysctl.d/99-zz.conf", "# a router is none of ours\nnet.ipv4.ip_forward = 0\nkernel.panic = 5\n")


def _package_setting(machine: Machine) -> None:
    machine.put("/usr/lib/sysctl.d/99-vendor.conf", "-net/ipv4/ip_forward=0\n")


def _open(machine: Machine, path: str, mode: str = "644", owner: str = "root:root") -> None:
    if path in machine.files:
        machine.files[path].mode, machine.files[path].owner = mode, owner


def _label(world: World, machine: Machine) -> None:
    if machine.name in world.cluster.nodes:
        world.cluster.nodes[machine.name].labels["disk"] = "lost"


def _taint(world: World, machine: Machine) -> None:
    if machine.name in world.cluster.nodes:
        world.cluster.nodes[machine.name].taints = {"by-hand:NoSchedule"}


def _token(world: World, machine: Machine) -> None:
    expires_s = world.scene.clock.now_s + 600
    world.cluster.tokens["lefttt"] = FakeToken("0123456789abcdef", "provisioner run: join", expires_s)


def _node_gone(world: World, machine: Machine) -> None:
    """A worker was drained and deleted with kubectl."""
    if not machine.name.startswith("cp"):
        services.stop(machine, services.KUBELET)
        world.cluster.nodes.pop(machine.name, None)


def _installed_again(world: World, machine: Machine) -> None:
    """A worker was installed again under its old name; the cluster has not noticed yet."""
    if not machine.name.startswith("cp"):
        fresh = Machine(machine.name, machine.address, machine.clock, machine.cluster, machine.fleet)
        world.machines[machine.name] = fresh


DRIFTS: dict[str, Drift] = {
    "a file is gone": lambda world, machine: machine.drop("/etc/sysctl.d/99-provisioner.conf"),
    "a network file is gone": lambda world, machine: machine.drop(CONFLIST),
    "the bridge has an old address": lambda world, machine: machine.links.update(
        dict.fromkeys(machine.links, "10.244.99.1/24")
    ),
    "the routes' script is gone": lambda world, machine: machine.drop(SCRIPT),
    "Docker's file was edited": lambda world, machine: _kept(machine, DAEMON_JSON, "{}"),
    "the kubelet's file was edited": lambda world, machine: _kept(machine, KUBELET_DEFAULTS, "KUBELET_EXTRA_ARGS=\n"),
    "a unit was edited": lambda world, machine: _kept(machine, f"/etc/systemd/system/{UNIT}", "[Unit]\n"),
    "a file was closed": lambda world, machine: _chmod(machine, DAEMON_JSON),
    "Docker is stopped": lambda world, machine: services.stop(machine, services.DOCKER),
    "the kubelet is stopped": lambda world, machine: services.stop(machine, services.KUBELET),
    "Docker is disabled": lambda world, machine: _disable(machine, services.DOCKER),
    "the routes are disabled": lambda world, machine: _disable(machine, UNIT),
    "a package is not held": lambda world, machine: _hold(machine, "kubectl"),
    "a package has another version": lambda world, machine: _version(machine, "kubectl"),
    "kubectl is gone": lambda world, machine: machine.packages.pop("kubectl", None),
    "the engine is gone": lambda world, machine: machine.packages.pop("docker.io", None),
    "the plug-ins' package is gone": lambda world, machine: machine.packages.pop("kubernetes-cni", None),
    "the kubelet is disabled": lambda world, machine: _disable(machine, services.KUBELET),
    "the modules are unloaded": lambda world, machine: _unload(machine),
    "the modules' file is gone": lambda world, machine: machine.drop("/etc/modules-load.d/provisioner.conf"),
    "a package is gone": lambda world, machine: machine.packages.pop("socat", None),
    "a package is half-configured": lambda world, machine: _state(machine, "socat", "half-configured"),
    "a package is half-installed": lambda world, machine: _state(machine, "conntrack", "half-installed"),
    "a setting is another": lambda world, machine: _setting(machine),
    "a later file undoes a setting": lambda world, machine: _later_setting(machine),
    "a package's file undoes a setting": lambda world, machine: _package_setting(machine),
    "a kubeconfig can be read by all": lambda world, machine: _open(machine, "/etc/kubernetes/kubelet.conf"),
    "a key belongs to a user": lambda world, machine: _open(machine, "/etc/kubernetes/pki/ca.key", "600", "joe:joe"),
    "a certificate can be changed by all": lambda world, machine: _open(machine, "/etc/kubernetes/pki/ca.crt", "666"),
    "swap is on": lambda world, machine: _swap(machine),
    "an image is gone": lambda world, machine: machine.images.discard("k8s.gcr.io/kube-proxy:v1.20.2"),
    "a route is gone": lambda world, machine: machine.routes.clear(),
    "the firewall was flushed": lambda world, machine: setattr(machine, "firewall", False),
    "a label was changed": _label,
    "a taint was set": _taint,
    "a token was left": _token,
    "a run's places were left": lambda world, machine: machine.put("/run/provisioner/bundle", "http://127.0.0.1:1\n"),
    "the machine was restarted": lambda world, machine: power.reboot(machine),
    "the node was deleted": _node_gone,
    "the machine was installed again": _installed_again,
}
